// SPDX-License-Identifier: BSL-1.0
#include "maps/maps_reader.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

#include "base/system_call.hpp"
#include "base/system_error.hpp"

namespace vmio::detail {

file_descriptor open_maps(const process& target, std::error_code& ec) noexcept {
    if (target.proc_directory() < 0) {
        ec = system_error_of(target.alive() ? EACCES : ESRCH);
        return {};
    }
    file_descriptor maps(sys::openat(target.proc_directory(), "maps", O_RDONLY | O_CLOEXEC));
    ec = maps ? std::error_code() : last_system_error();
    if (ec.value() == ENOENT) ec = system_error_of(ESRCH);
    return maps;
}

std::string_view maps_buffer::read(int maps, std::error_code& ec) {
    ec.clear();
    for (std::size_t used = 0;;) {
        if (used == size_) grow(used);
        const ssize_t got = sys::read(maps, bytes_.get() + used, size_ - used);
        if (got < 0) {
            ec = last_system_error();
            return {};
        }
        if (got == 0) return {bytes_.get(), used};
        used += static_cast<std::size_t>(got);
    }
}

void maps_buffer::grow(std::size_t used) {
    const std::size_t larger = std::max<std::size_t>(2 * size_, std::size_t{64} << 10);
    std::unique_ptr<char[]> bytes(new char[larger]);  // not make_unique: it would zero them
    if (used > 0) std::memcpy(bytes.get(), bytes_.get(), used);
    bytes_ = std::move(bytes);
    size_ = larger;
}

}  // namespace vmio::detail
