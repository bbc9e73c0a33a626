// SPDX-License-Identifier: BSL-1.0
#include "proc/procmap_query.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

#include "base/system_error.hpp"
#include "proc/maps_text.hpp"

namespace vmio::detail::procmap {

std::error_code ask(int maps, query& q) noexcept {
    q.size = sizeof q;
    if (::ioctl(maps, request, &q) == 0) return {};
    const std::error_code ec = last_system_error();
    switch (ec.value()) {
        case ENOTTY:
        case ENOSYS:
        case EPERM:
        case EACCES: return system_error_of(ENOTTY);
        default: return ec;
    }
}

std::error_code ask(int maps, query& q, std::string& name) {
    constexpr std::size_t usual = 256;
    char room[PATH_MAX];
    const query question = q;
    std::error_code ec;
    for (const std::size_t size : {usual, sizeof room}) {
        std::fill_n(room, size, '\0');  // for memory checkers, which do not know that the kernel writes it
        q = question;
        q.vma_name_addr = reinterpret_cast<std::uintptr_t>(room);
        q.vma_name_size = static_cast<std::uint32_t>(size);
        ec = ask(maps, q);
        if (ec.value() != ENAMETOOLONG) break;
    }
    name.assign(room, ec || q.vma_name_size == 0 ? 0 : q.vma_name_size - 1);
    return ec;
}

mapping mapping_of(const query& q, std::string name) {
    mapping m{{q.vma_start, q.vma_end},
              permissions_of(q),
              q.vma_offset,
              q.dev_major,
              q.dev_minor,
              q.inode,
              std::move(name),
              false};
    take_deleted_mark(m);
    return m;
}

}  // namespace vmio::detail::procmap
