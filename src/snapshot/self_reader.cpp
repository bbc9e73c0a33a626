// SPDX-License-Identifier: BSL-1.0
#include "snapshot/self_reader.hpp"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include <vmio/error.hpp>

#include "base/system_call.hpp"
#include "base/system_error.hpp"

namespace vmio::detail {

self_reader::self_reader(const std::byte* start, bool readable) : start_(start) {
    if (readable) return;
    mem_ = file_descriptor(sys::open("/proc/thread-self/mem", O_RDONLY | O_CLOEXEC));
    if (!mem_) throw memory_error("open of /proc/thread-self/mem", 0, 0, last_system_error());
}

std::span<const std::byte> self_reader::get(std::size_t offset, std::size_t size) {
    if (!mem_) return {start_ + offset, size};
    buffer_.resize(size);
    for (std::size_t done = 0; done < size;) {
        const address at = address_of(start_) + offset + done;
        const ssize_t got = sys::pread(mem_.get(), buffer_.data() + done, size - done, static_cast<off_t>(at));
        if (got <= 0)
            throw memory_error("read of /proc/thread-self/mem", 0, at,
                               got < 0 ? last_system_error() : system_error_of(EIO));
        done += static_cast<std::size_t>(got);
    }
    return buffer_;
}

}  // namespace vmio::detail
