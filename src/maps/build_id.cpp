// SPDX-License-Identifier: BSL-1.0
#include <vmio/build_id.hpp>

#include <algorithm>
#include <cerrno>
#include <optional>

#include <vmio/backing_file.hpp>
#include <vmio/memory.hpp>
#include <vmio/memory_map.hpp>
#include <vmio/process_memory.hpp>

#include "base/system_error.hpp"
#include "maps/elf_build_id.hpp"
#include "proc/procmap_query.hpp"

namespace vmio {
namespace {

std::vector<std::byte> from_kernel(const process& target, const mapping& m) {
    std::vector<std::byte> id(64);
    detail::procmap::query q{};
    q.query_addr = m.range.start();
    q.build_id_size = id.size();
    q.build_id_addr = reinterpret_cast<std::uintptr_t>(id.data());
    if (detail::procmap::ask(target.maps(), q) || q.inode != m.inode) return {};
    id.resize(std::min<std::size_t>(q.build_id_size, id.size()));
    return id;
}

template <memory_reader M>
detail::elf_reader reading(const M& memory, address base) {
    return [&memory, base](std::uint64_t offset, std::span<std::byte> to) {
        std::error_code ec;
        while (!to.empty()) {
            const std::size_t got = memory.read_some(base + offset, to, ec);
            if (ec) return false;
            offset += got;
            to = to.subspan(got);
        }
        return true;
    };
}

/// Where the first byte of the file was loaded that `m` is a part of.
std::optional<address> image_base(const process& target, const mapping& m) {
    if (m.offset == 0 || !m.file_backed()) return m.range.start();
    std::optional<address> base;
    for (const mapping& other : memory_map::load(target)) {
        if (other.range.start() > m.range.start()) break;
        if (other.offset == 0 && other.inode == m.inode && other.device_major == m.device_major &&
            other.device_minor == m.device_minor && other.name == m.name)
            base = other.range.start();
    }
    return base;
}

std::vector<std::byte> from_memory(const process& target, const mapping& m) {
    const std::optional<address> base = image_base(target, m);
    if (!base) return {};
    return detail::elf_build_id(reading(process_memory(target), *base), detail::elf_layout::memory);
}

std::vector<std::byte> by_any_means(const process& target, const mapping& m) {
    if (m.file_backed()) {
        if (auto id = from_kernel(target, m); !id.empty()) return id;
        if (const backing_file file(target, m); file)
            return detail::elf_build_id(reading(file, 0), detail::elf_layout::file);
    }
    return m.file_backed() || m.name == "[vdso]" ? from_memory(target, m) : std::vector<std::byte>();
}

}  // namespace

std::vector<std::byte> build_id(const process& target, const mapping& m) {
    std::vector<std::byte> id = by_any_means(target, m);
    if (!target.alive()) throw memory_error("build_id", target.id(), m.range.start(), detail::system_error_of(ESRCH));
    return id;
}

std::vector<std::byte> build_id(const process& target, const mapping& m, std::error_code& ec) {
    ec.clear();
    try {
        return build_id(target, m);
    } catch (const memory_error& e) {
        ec = e.code();
        return {};
    }
}

}  // namespace vmio
