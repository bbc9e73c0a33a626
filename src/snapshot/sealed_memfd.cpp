// SPDX-License-Identifier: BSL-1.0
#include "snapshot/sealed_memfd.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file_writing.hpp"
#include "base/system_call.hpp"

namespace vmio::detail {
namespace {

#ifndef MFD_NOEXEC_SEAL
constexpr unsigned MFD_NOEXEC_SEAL = 8;  // since Linux 6.3
#endif
#ifndef F_SEAL_FUTURE_WRITE
constexpr int F_SEAL_FUTURE_WRITE = 16;  // since Linux 5.1
#endif

[[noreturn]] void fail(const char* operation, std::error_code ec = last_system_error()) {
    if (ec.value() == ENOSPC) ec = system_error_of(ENOMEM);  // a memfd reports lack of memory as ENOSPC
    throw memory_error(operation, 0, 0, ec);
}

}  // namespace

file_descriptor new_memfd(std::uint64_t size) {
    constexpr const char* name = "vmio-snapshot";
    // The sysctl vm.memfd_noexec may forbid executable memfds; older kernels do not support the flag.
    file_descriptor file(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL));
    if (!file) file = file_descriptor(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!file) fail("memfd_create");
    resize(file.get(), size);
    return file;
}

void write_all(int fd, std::uint64_t offset, std::span<const std::byte> bytes) {
    if (const std::error_code ec = write_whole(fd, offset, bytes)) fail("pwrite to a snapshot", ec);
}

void resize(int fd, std::uint64_t size) {
    if (const std::error_code ec = set_file_size(fd, size)) fail("ftruncate of a snapshot", ec);
}

void make_hole(int fd, std::uint64_t offset, std::uint64_t size) {
    if (sys::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                       static_cast<off_t>(size)) != 0)
        fail("fallocate of a snapshot");  // GCOVR_EXCL_LINE: only in a race; memfds support it
}

sealed_memfd::sealed_memfd(file_descriptor filled, std::size_t size) : file_(std::move(filled)), size_(size) {
    // EBUSY: the kernel still has references to pages. Each attempt waits 0.2 seconds for them; they are temporary.
    constexpr int most_tries = 20;
    for (int i = 1; ::fcntl(file_.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0;
         ++i)
        if (last_system_error().value() != EBUSY || i == most_tries) fail("seal of a snapshot");
}

sealed_memfd::sealed_memfd(file_descriptor filled, const mmap_region& writer)
    : file_(std::move(filled)), size_(writer.size()) {
    if (::fcntl(file_.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE) == 0) return;
    if (last_system_error().value() != EINVAL || ::fcntl(file_.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0)
        fail("seal of a snapshot");
}

bool sealed_memfd::freeze() const noexcept {
    return ::fcntl(file_.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL) == 0;
}

std::uint64_t sealed_memfd::memory_used() const noexcept {
    if (whole_) {
        std::uint64_t sum = 0;
        for (const address_range& e : data()) sum += e.size();
        return sum;
    }
    struct stat status;
    return ::fstat(file_.get(), &status) == 0 ? static_cast<std::uint64_t>(status.st_blocks) * 512 : 0;
}

std::size_t sealed_memfd::read_some(std::uint64_t offset, std::span<std::byte> to, std::error_code& ec) const noexcept {
    ec.clear();
    if (to.empty()) return 0;
    if (offset >= size_) {
        ec = system_error_of(EFAULT);
        return 0;
    }
    to = to.first(static_cast<std::size_t>(std::min<std::uint64_t>(to.size(), size_ - offset)));
    const ssize_t done = sys::pread(descriptor(), to.data(), to.size(), static_cast<off_t>(offset_ + offset));
    if (done > 0) return static_cast<std::size_t>(done);
    ec = done < 0 ? last_system_error() : system_error_of(EIO);
    return 0;
}

const std::byte* sealed_memfd::bytes() const {
    // Private: some kernels refuse a shared mapping of a file that is sealed against writing.
    std::call_once(once_, [&] { mapped_ = mmap_region(descriptor(), size_, PROT_READ, MAP_PRIVATE, offset_); });
    return mapped_.data();
}

}  // namespace vmio::detail
