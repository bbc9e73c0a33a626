// SPDX-License-Identifier: BSL-1.0
/// The public members and overriders of vmio/memory_streambuf.hpp; include that.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include <vmio/detail/memory_streambuf_area.hpp>

namespace vmio {

template <class Device, class Base>
memory_streambuf<Device, Base>::memory_streambuf() = default;

template <class Device, class Base>
memory_streambuf<Device, Base>::memory_streambuf(memory_streambuf&& other) noexcept : Base(other) {
    take(other);
}

template <class Device, class Base>
memory_streambuf<Device, Base>& memory_streambuf<Device, Base>::operator=(memory_streambuf&& other) noexcept {
    if (this == &other) return *this;
    flush_writes();
    Base::operator=(other);
    take(other);
    return *this;
}

template <class Device, class Base>
memory_streambuf<Device, Base>::~memory_streambuf() {
    flush_writes();
}

template <class Device, class Base>
void memory_streambuf<Device, Base>::swap(memory_streambuf& other) noexcept {
    if (this == &other) return;
    memory_streambuf moved(std::move(other));
    other = std::move(*this);
    *this = std::move(moved);
}

template <class Device, class Base>
void memory_streambuf<Device, Base>::attach(Device device, std::size_t buffer_size) {
    if (device_.is_open()) throw memory_error("open", 0, 0, {EBUSY, std::system_category()});
    constexpr std::size_t most = std::size_t{1} << 30;
    capacity_ = buffer_size < most ? buffer_size : most;
    buffer_.reset(new char[putback_size + (capacity_ > 0 ? capacity_ : 1)]);
    device_ = std::move(device);
    drop_buffer();
    last_error_.clear();
}

template <class Device, class Base>
void memory_streambuf<Device, Base>::detach() {
    if (!device_.is_open()) return;
    const std::error_code ec = flush_writes();
    std::optional<memory_error> failure = std::exchange(unreported_, std::nullopt);
    if (ec) failure = error_here(ec, direction::writing);
    drop_buffer();
    device_.close();
    if (failure) throw memory_error(*failure);
}

template <class Device, class Base>
bool memory_streambuf<Device, Base>::take_string(std::string& text, std::size_t limit) {
    for (std::size_t left = limit; left > 0;) {
        if (traits_type::eq_int_type(this->sgetc(), traits_type::eof())) return false;
        const char* const first = this->gptr();
        const std::size_t size = std::min(left, static_cast<std::size_t>(this->egptr() - first));
        const auto* const nul = static_cast<const char*>(std::memchr(first, 0, size));
        const std::size_t taken = nul != nullptr ? static_cast<std::size_t>(nul - first) : size;
        text.append(first, taken);
        this->gbump(static_cast<int>(nul != nullptr ? taken + 1 : taken));
        if (nul != nullptr) break;
        left -= taken;
    }
    return true;
}

// ---- the overriders ----

template <class Device, class Base>
auto memory_streambuf<Device, Base>::underflow() -> int_type {
    return next(looks_ahead());
}

template <class Device, class Base>
auto memory_streambuf<Device, Base>::uflow() -> int_type {
    const int_type c = next(false);
    if (!traits_type::eq_int_type(c, traits_type::eof())) this->gbump(1);
    return c;
}

template <class Device, class Base>
auto memory_streambuf<Device, Base>::next(bool hole_is_end) -> int_type {
    if (this->gptr() < this->egptr()) return traits_type::to_int_type(*this->gptr());
    if (!begin_reading()) return traits_type::eof();
    std::error_code ec;
    const bool filled = fill(ec);
    last_error_ = ec;
    at_hole_ = static_cast<bool>(ec);
    if (filled) return traits_type::to_int_type(*this->gptr());
    if (ec && !hole_is_end) throw error_here(ec, direction::reading);
    return traits_type::eof();
}

template <class Device, class Base>
std::streamsize memory_streambuf<Device, Base>::xsgetn(char* s, std::streamsize n) {
    if (n > 0 && take_buffered(s, static_cast<std::size_t>(n))) [[likely]]
        return n;
    std::streamsize done = take_some_buffered(s, n);
    if (done >= n || !begin_reading()) return done;
    std::error_code ec;
    while (done < n) {
        if (static_cast<std::size_t>(n - done) >= next_fill()) {
            done = static_cast<std::streamsize>(
                read_directly(s, static_cast<std::size_t>(done), static_cast<std::size_t>(n), ec));
            break;
        }
        if (!fill(ec)) break;
        done += take_some_buffered(s + done, n - done);
    }
    last_error_ = ec;
    at_hole_ = static_cast<bool>(ec);
    if (ec && done == 0) throw error_here(ec, direction::reading);
    return done;
}

template <class Device, class Base>
auto memory_streambuf<Device, Base>::pbackfail(int_type c) -> int_type {
    if (this->gptr() == this->eback()) return traits_type::eof();
    this->gbump(-1);
    if (!traits_type::eq_int_type(c, traits_type::eof())) *this->gptr() = traits_type::to_char_type(c);
    return traits_type::not_eof(c);
}

template <class Device, class Base>
std::streamsize memory_streambuf<Device, Base>::showmanyc() {
    if (!device_.is_open()) return -1;
    return this->pptr() == nullptr && device_.position().past_end() ? -1 : 0;
}

template <class Device, class Base>
auto memory_streambuf<Device, Base>::overflow(int_type c) -> int_type {
    if (!begin_writing()) return traits_type::eof();
    if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
    const char byte = traits_type::to_char_type(c);
    return xsputn(&byte, 1) == 1 ? c : traits_type::eof();
}

template <class Device, class Base>
std::streamsize memory_streambuf<Device, Base>::xsputn(const char* s, std::streamsize n) {
    if (n <= 0 || !begin_writing()) return 0;
    const auto size = static_cast<std::size_t>(n);
    // Under unitbuf the flush happens in a destructor, which cannot report errors: write here.
    const bool at_once = owner_ != nullptr && (owner_->flags() & std::ios_base::unitbuf);
    const bool pending = this->pptr() != this->pbase();
    const bool straight = at_once || size >= (pending ? capacity_ : bulk_size());
    if (!straight && put_buffered(s, size)) return n;
    std::error_code ec = flush_writes();
    if (!ec && (straight || size >= bulk_size() || !put_buffered(s, size))) ec = write_out(s, size);
    if (ec) throw error_here(ec, direction::writing);
    return n;
}

template <class Device, class Base>
int memory_streambuf<Device, Base>::sync() {
    if (!device_.is_open()) return 0;
    const std::error_code ec = flush_writes();
    settle();
    if (!ec) return 0;
    const memory_error failure = error_here(ec, direction::writing);
    // Callers may ignore the -1: Boost's chains do.
    if (owner_ == nullptr) unreported_ = failure;
    report(failure);
    return -1;
}

/// The position of the stream: after the bytes consumed by the caller and before those read ahead.
template <class Device, class Base>
auto memory_streambuf<Device, Base>::tell() noexcept -> pos_type {
    auto at = device_.position();
    (void)at.retreat(static_cast<std::uint64_t>(this->egptr() - this->gptr()));
    if (at.fits_stream_offset()) return static_cast<std::streamoff>(at.offset());
    last_error_ = {EOVERFLOW, std::system_category()};
    return pos_type(std::streamoff(-1));
}

/// Reports a failed flush. Returns only if no exception is due.
template <class Device, class Base>
auto memory_streambuf<Device, Base>::fail_seek(const memory_error& failure, bool stays, std::ios_base::openmode which)
    -> pos_type {
    if (which == std::ios_base::in) throw memory_error(failure);  // std::istream catches it
    if (owner_ == nullptr && stays) unreported_ = failure;        // tellp() sets no bit
    report(failure);
    return pos_type(std::streamoff(-1));
}

template <class Device, class Base>
auto memory_streambuf<Device, Base>::seekoff(std::streamoff off, std::ios_base::seekdir way,
                                             std::ios_base::openmode which) -> pos_type {
    if (!device_.is_open()) return pos_type(std::streamoff(-1));
    // The call of tellg() and tellp(); seekg(0, cur) makes the same one.
    const bool stays = off == 0 && way == std::ios_base::cur;
    std::error_code ec = flush_writes();
    std::optional<memory_error> failure = std::exchange(unreported_, std::nullopt);
    if (ec) failure = error_here(ec, direction::writing);
    if (stays && !failure) return tell();
    settle();
    if (failure) return fail_seek(*failure, stays, which);
    drop_buffer();
    if (!device_.try_seek(off, way, ec)) {
        last_error_ = ec;
        return pos_type(std::streamoff(-1));
    }
    last_error_.clear();
    return static_cast<std::streamoff>(device_.position().offset());
}

template <class Device, class Base>
auto memory_streambuf<Device, Base>::seekpos(pos_type to, std::ios_base::openmode which) -> pos_type {
    return seekoff(std::streamoff(to), std::ios_base::beg, which);
}

}  // namespace vmio
