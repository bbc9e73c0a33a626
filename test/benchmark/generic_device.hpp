// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ios>

#include <sys/uio.h>
#include <boost/iostreams/categories.hpp>
#include <boost/iostreams/positioning.hpp>

namespace bench {

/// The device that anybody would write first: one call a transfer, and Boost's generic buffer around it.
class generic_device {
public:
    using char_type = char;
    using category = boost::iostreams::seekable_device_tag;

    explicit generic_device(pid_t id) : id_(id) {}
    std::streamsize read(char* s, std::streamsize n) {
        const std::streamsize moved = move(::process_vm_readv, s, n);
        return moved > 0 ? moved : -1;
    }
    std::streamsize write(const char* s, std::streamsize n) {
        return move(::process_vm_writev, const_cast<char*>(s), n);
    }
    std::streampos seek(boost::iostreams::stream_offset off, std::ios_base::seekdir way) {
        position_ = way == std::ios_base::cur ? position_ + off : off;
        return position_;
    }

private:
    template <class Call>
    std::streamsize move(Call call, char* s, std::streamsize n) {
        const iovec local{s, static_cast<std::size_t>(n)};
        const iovec remote{reinterpret_cast<void*>(position_), static_cast<std::size_t>(n)};
        const ssize_t moved = call(id_, &local, 1, &remote, 1, 0);
        if (moved > 0) position_ += moved;
        return moved;
    }

    pid_t id_;
    std::streamoff position_ = 0;
};

}  // namespace bench
