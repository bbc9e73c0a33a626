// SPDX-License-Identifier: BSL-1.0
#include "track/userfaultfd.hpp"

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <vmio/error.hpp>

#include "base/system_call.hpp"
#include "base/system_error.hpp"
#include "inject/injected_call.hpp"
#include "proc/pagemap_scan.hpp"
#include "track/written_scan.hpp"

namespace vmio::detail {
namespace {

constexpr const char* making = "userfaultfd in a target";

// What installed headers may lack.
constexpr unsigned long user_mode_only = 1;
constexpr std::uint64_t feature_fault_flag = 1u << 0;     // UFFD_FEATURE_PAGEFAULT_FLAG_WP
constexpr std::uint64_t feature_shared = 1u << 12;        // UFFD_FEATURE_WP_HUGETLBFS_SHMEM
constexpr std::uint64_t feature_unpopulated = 1u << 13;   // UFFD_FEATURE_WP_UNPOPULATED
constexpr std::uint64_t feature_asynchronous = 1u << 15;  // UFFD_FEATURE_WP_ASYNC
constexpr unsigned long mode_write_protect = 2;
constexpr unsigned long flags = O_CLOEXEC | O_NONBLOCK | user_mode_only;

std::error_code enable(int userfaultfd) noexcept {
    uffdio_api api{};
    api.api = UFFD_API;
    api.features = feature_fault_flag | feature_shared | feature_unpopulated | feature_asynchronous;
    return ::ioctl(userfaultfd, UFFDIO_API, &api) == 0 ? std::error_code() : last_system_error();
}

bool can_scan() noexcept {
    const file_descriptor own(sys::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
    pagemap::region found{};
    pagemap::scan scan{};
    scan.size = sizeof scan;
    scan.start = scan.end = 0;
    scan.vec = reinterpret_cast<std::uintptr_t>(&found);
    scan.vec_len = 1;
    scan.category_mask = scan.return_mask = pagemap::is_written;
    return own && ::ioctl(own.get(), pagemap::request, &scan) == 0;
}

/// Whether a page that was never touched counts as written. Determined on memory of this process.
bool finds_empty_pages(int userfaultfd) {
    const std::size_t size = page_size() / 8 * page_size() * 2;  // holds all that one page table has
    void* const area =
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (area == MAP_FAILED) return false;
    const address_range all = address_range::of_size(address_of(area), size);
    const file_descriptor own(sys::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
    std::vector<address_range> found;
    set_empty_is_written(true);  // for this scan
    const bool finds = own && !register_range(userfaultfd, all) &&
                       !find_unprotected(own.get(), {&all, 1}, false, found) && found == std::vector{all};
    ::munmap(area, size);
    return finds;
}

/// The lowest descriptor that the target does not have, which its next one will be. Precondition: it is paused.
std::uint64_t next_descriptor(const process& target) {
    const int directory = sys::openat(target.proc_directory(), "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR* const list = directory < 0 ? nullptr : ::fdopendir(directory);
    if (list == nullptr) {
        const std::error_code ec = last_system_error();
        if (directory >= 0) sys::close(directory);
        throw memory_error("open of /proc/PID/fd", target.id(), 0, ec);
    }
    // The directory is sorted.
    std::uint64_t next = 0;
    while (const dirent* entry = ::readdir(list)) {
        if (entry->d_name[0] == '.') continue;
        if (std::strtoull(entry->d_name, nullptr, 10) != next) break;
        ++next;
    }
    ::closedir(list);
    return next;
}

file_descriptor take(const process& target, injected_thread& thread) {
    const long made = thread.call({SYS_userfaultfd, {flags}}, true);
    if (made < 0) {
        const auto ec = system_error_of(static_cast<int>(-made));
        throw memory_error(making, target.id(), 0, ec == errc::permission_denied ? system_error_of(EOPNOTSUPP) : ec,
                           "the target cannot make a userfaultfd, which is what its writes would be recorded by");
    }
    file_descriptor taken(static_cast<int>(::syscall(SYS_pidfd_getfd, target.pidfd(), made, 0)));
    const std::error_code ec = taken ? std::error_code() : last_system_error();
    thread.call({SYS_close, {static_cast<std::uint64_t>(made)}});
    if (ec) throw memory_error("pidfd_getfd", target.id(), 0, ec);
    return taken;
}

}  // namespace

bool has_write_protection() {
    static const bool has = [] {
        const file_descriptor own(static_cast<int>(::syscall(SYS_userfaultfd, flags)));
        if (!own || enable(own.get()) || !can_scan()) return false;
        set_empty_is_written(finds_empty_pages(own.get()));
        return true;
    }();
    return has;
}

file_descriptor take_userfaultfd(const process& target, const pause_options& limits) {
    file_descriptor taken;
    {
        const pause_guard pause(target, limits);
        // Nothing but a process that shares the descriptors of the paused target could make this one another's.
        const remote_call undo{SYS_close, {next_descriptor(target)}};
        with_injected_calls(target, pause, undo, [&](injected_thread& thread) { taken = take(target, thread); });
    }
    if (const std::error_code ec = enable(taken.get())) throw memory_error(making, target.id(), 0, ec);
    return taken;
}

std::error_code register_range(int userfaultfd, const address_range& mappings) noexcept {
    uffdio_register request{};
    request.range = {mappings.start(), mappings.size()};
    request.mode = mode_write_protect;
    return ::ioctl(userfaultfd, UFFDIO_REGISTER, &request) == 0 ? std::error_code() : last_system_error();
}

}  // namespace vmio::detail
