// SPDX-License-Identifier: BSL-1.0
/// libFuzzer on core files. The inputs in core_memory/ are tried first; one that once failed stays there.
#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

#include <vmio/core_memory.hpp>
#include <vmio/file_error.hpp>

namespace {

void must(bool holds) {
    if (!holds) std::abort();
}

/// One for all inputs: to make a file takes longer than to look at it.
int file() {
    static const int fd = [] {
        const int made = ::memfd_create("fuzz", MFD_CLOEXEC);
        must(made >= 0);
        return made;
    }();
    return fd;
}

/// Whether `bytes` stand somewhere in the file.
bool is_of(const std::vector<std::byte>& bytes, const std::uint8_t* data, std::size_t size) {
    const auto* const first = reinterpret_cast<const std::byte*>(data);
    return std::search(first, first + size, bytes.begin(), bytes.end()) != first + size;
}

bool begins_with(std::string_view magic, const std::uint8_t* data, std::size_t size) {
    return size >= magic.size() && std::memcmp(data, magic.data(), magic.size()) == 0;
}

/// What is read of a packed file is not among its bytes, and a damaged frame is found when it is read.
void look_at_packed(const vmio::core_memory& core, std::size_t size) {
    for (const vmio::address_range& r : core.ranges()) {
        std::byte bytes[16];
        std::error_code ec;
        const std::size_t got = core.read_some(r.start(), bytes, ec);
        must(got > 0 ? !ec : ec.value() == EBADMSG || ec.value() == EIO);
        must(core.read_some(r.end(), bytes, ec) == 0 && ec);
    }
    std::size_t held = core.auxiliary_vector().size();
    for (const vmio::thread_registers& thread : core.threads())
        for (const vmio::register_set& set : thread.sets) held += 12 + set.bytes.size();
    must(held <= 1024 * size);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    must(::ftruncate(file(), static_cast<off_t>(size)) == 0);
    must(::pwrite(file(), data, size, 0) == static_cast<ssize_t>(size));
    static const std::string path = "/proc/self/fd/" + std::to_string(file());
    try {
        const vmio::core_memory core = vmio::core_memory::open(path);
        if (begins_with("\x1f\x8b", data, size) || begins_with("\x28\xb5\x2f\xfd", data, size)) {
            look_at_packed(core, size);
            return 0;
        }
        vmio::address end = 0;
        for (const vmio::address_range& r : core.ranges()) {
            must(!r.empty() && r.start() >= end && (end == 0 || r.start() > end));
            end = r.end();
            // A byte at either end, and nothing beyond the end.
            std::vector<std::byte> bytes(16);
            std::error_code ec;
            bytes.resize(core.read_some(r.start(), bytes, ec));
            must(!ec && bytes.size() == std::min<std::uint64_t>(16, r.size()));
            must(r.size() > 16 || is_of({bytes.front()}, data, size));
            std::byte two[2];
            must(core.read_some(r.end() - 1, two, ec) == 1 && !ec);
            must(core.read_some(r.end(), two, ec) == 0 && ec);
        }
        end = 0;
        for (const vmio::memory_gap& gap : core.gaps()) {
            must(!gap.range.empty() && gap.range.start() >= end);
            end = gap.range.end();
            std::byte byte;
            std::error_code ec;
            must(core.read_some(gap.range.start(), std::span(&byte, 1), ec) == 0 && ec.value() == EFAULT);
            must(gap.reason == vmio::gap_reason::not_dumped || core.cut_off());
        }
        end = 0;
        for (const vmio::mapping& m : core.mappings()) {
            must(!m.range.empty() && m.range.start() >= end);
            end = m.range.end();
        }
        // A note has a header of 12 bytes. Notes may overlap, but no more is kept than if they did not.
        std::size_t held = core.auxiliary_vector().size();
        for (const vmio::thread_registers& thread : core.threads())
            for (const vmio::register_set& set : thread.sets) held += 12 + set.bytes.size();
        must(held <= size);
        must(core.word_size() == 4 || core.word_size() == 8);
    } catch (const vmio::file_error& e) {
        must(e.code().value() == EINVAL || e.code().value() == EBADMSG || e.code().value() == EOPNOTSUPP);
    }
    return 0;
}
