// SPDX-License-Identifier: BSL-1.0
/// How vmio/memory_streambuf.hpp does it; include that.
///
///     reading   | kept for unget | read already | to be read |          the device stands behind the last byte
///               eback            space()        gptr         egptr
///
///     writing                    | pending      | room       |          the device stands where the first pending
///                                pbase, space() pptr         epptr      byte belongs
///
/// At most one of the two areas exists; with neither, the device stands where the stream is.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

#include <vmio/memory.hpp>

namespace vmio {

template <class Device, class Base>
void memory_streambuf<Device, Base>::attach(Device device, std::size_t buffer_size) {
    if (device_.is_open()) throw memory_error("open", 0, 0, {EBUSY, std::system_category()});
    capacity_ = std::min(buffer_size, std::size_t{1} << 30);
    buffer_ = std::make_unique_for_overwrite<char[]>(putback_size + std::max<std::size_t>(capacity_, 1));
    device_ = std::move(device);
    drop_buffer();
    last_error_.clear();
}

template <class Device, class Base>
void memory_streambuf<Device, Base>::detach() {
    if (!device_.is_open()) return;
    const std::error_code ec = flush_writes();
    std::optional<memory_error> failure = std::exchange(untold_, std::nullopt);
    if (ec) failure = error_here(ec, direction::writing);
    drop_buffer();
    device_.close();
    if (failure) throw memory_error(*failure);
}

// ---- what std::streambuf asks for ----

template <class Device, class Base>
auto memory_streambuf<Device, Base>::underflow() -> int_type {
    // Asked only to look ahead, as while a number or a line is read: a hole ends what was read so far, and is an error
    // for whoever comes again.
    const bool has_read = this->gptr() != this->eback() && !at_hole_;
    return next(has_read);
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
    std::streamsize done = take_what_is_there(s, n);
    if (done >= n || !begin_reading()) return done;
    std::error_code ec;
    while (done < n) {
        if (static_cast<std::size_t>(n - done) >= next_fill()) {
            done = static_cast<std::streamsize>(
                read_directly(s, static_cast<std::size_t>(done), static_cast<std::size_t>(n), ec));
            break;
        }
        if (!fill(ec)) break;
        done += take_what_is_there(s + done, n - done);
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
    // Under unitbuf the flush comes from a destructor, which can report nothing: write here.
    const bool at_once = owner_ != nullptr && (owner_->flags() & std::ios_base::unitbuf);
    if (!at_once && put_buffered(s, size)) return n;
    std::error_code ec = flush_writes();
    if (!ec && (at_once || size >= capacity_ || !put_buffered(s, size))) ec = write_out(s, size);
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
    if (owner_ == nullptr) untold_ = failure;
    report(failure);
    return -1;
}

template <class Device, class Base>
auto memory_streambuf<Device, Base>::seekoff(std::streamoff off, std::ios_base::seekdir way,
                                             std::ios_base::openmode which) -> pos_type {
    const pos_type failed(std::streamoff(-1));
    if (!device_.is_open()) return failed;
    const bool stays = off == 0 && way == std::ios_base::cur;
    std::error_code ec = flush_writes();
    settle();
    std::optional<memory_error> failure = std::exchange(untold_, std::nullopt);
    if (ec) failure = error_here(ec, direction::writing);
    if (failure) {
        if (which == std::ios_base::in) throw memory_error(*failure);  // std::istream catches it
        if (owner_ == nullptr && stays) untold_ = failure;             // tellp() sets no bit
        report(*failure);
        return failed;
    }
    if (!stays) drop_buffer();
    if (!device_.try_seek(off, way, ec)) {
        last_error_ = ec;
        return failed;
    }
    if (!stays) last_error_.clear();
    return static_cast<std::streamoff>(device_.position().offset());
}

template <class Device, class Base>
auto memory_streambuf<Device, Base>::seekpos(pos_type to, std::ios_base::openmode which) -> pos_type {
    return seekoff(std::streamoff(to), std::ios_base::beg, which);
}

// ---- the two directions ----

template <class Device, class Base>
bool memory_streambuf<Device, Base>::begin_reading() {
    if (!can_read || !device_.is_open()) return false;
    if (this->pptr() == nullptr) return true;
    const std::error_code ec = flush_writes();
    settle();
    if (ec) throw error_here(ec, direction::writing);
    return true;
}

template <class Device, class Base>
bool memory_streambuf<Device, Base>::begin_writing() noexcept {
    if (!can_write || !device_.is_open()) return false;
    if (this->pptr() != nullptr) return true;
    settle();
    drop_buffer();
    this->setp(space(), space() + capacity_);
    return true;
}

/// Puts the device where the stream is. What was pending has been dealt with; what was read is dropped, but for what
/// may be put back.
template <class Device, class Base>
void memory_streambuf<Device, Base>::settle() noexcept {
    device_.move_back(static_cast<std::uint64_t>(this->egptr() - this->gptr()));
    this->setg(this->eback(), this->gptr(), this->gptr());
    this->setp(nullptr, nullptr);
    fill_ = 0;
}

template <class Device, class Base>
void memory_streambuf<Device, Base>::drop_buffer() noexcept {
    this->setg(nullptr, nullptr, nullptr);
    this->setp(nullptr, nullptr);
    fill_ = 0;
    at_hole_ = false;
}

// ---- reading ----

template <class Device, class Base>
std::streamsize memory_streambuf<Device, Base>::take_what_is_there(char* to, std::streamsize n) noexcept {
    const std::streamsize size = std::min<std::streamsize>(n, this->egptr() - this->gptr());
    return size > 0 && take_buffered(to, static_cast<std::size_t>(size)) ? size : 0;
}

/// To the end of the page first, then a page, then twice as much each time.
template <class Device, class Base>
std::size_t memory_streambuf<Device, Base>::next_fill() const noexcept {
    const auto in_page = static_cast<std::size_t>(device_.position().where() & (page_size() - 1));
    const std::size_t size = fill_ == 0 ? page_size() - in_page : fill_;
    return std::min(size, std::max<std::size_t>(capacity_, 1));
}

template <class Device, class Base>
void memory_streambuf<Device, Base>::grow_fill() noexcept {
    fill_ = std::max(2 * std::min(fill_, capacity_), page_size());
}

/// One read behind the last few bytes that were read. False: the end, or ec.
template <class Device, class Base>
bool memory_streambuf<Device, Base>::fill(std::error_code& ec) noexcept {
    const std::size_t kept = std::min(static_cast<std::size_t>(this->gptr() - this->eback()), putback_size);
    if (kept > 0) std::memmove(space() - kept, this->gptr() - kept, kept);
    std::size_t got = 0;
    if constexpr (can_read) got = device_.read_some(std::as_writable_bytes(std::span(space(), next_fill())), ec);
    this->setg(space() - kept, space(), space() + got);
    grow_fill();
    return got > 0;
}

/// Reads behind the `done` bytes at `s` until there are `n`, or as far as it goes; returns how many there are then.
template <class Device, class Base>
std::size_t memory_streambuf<Device, Base>::read_directly(char* s, std::size_t done, std::size_t n,
                                                          std::error_code& ec) noexcept {
    std::size_t got = 0;
    if constexpr (can_read) got = device_.read_up_to(std::as_writable_bytes(std::span(s + done, n - done)), ec);
    // For putting back: the end of what was read now, behind the end of what was read before.
    const std::size_t fresh = std::min(got, putback_size);
    const std::size_t older = std::min(static_cast<std::size_t>(this->gptr() - this->eback()), putback_size - fresh);
    if (older > 0) std::memmove(space() - fresh - older, this->gptr() - older, older);
    if (fresh > 0) std::memcpy(space() - fresh, s + done + got - fresh, fresh);
    this->setg(space() - fresh - older, space(), space());
    grow_fill();
    return done + got;
}

// ---- writing ----

template <class Device, class Base>
std::error_code memory_streambuf<Device, Base>::write_out(const char* s, std::size_t size) noexcept {
    std::error_code ec;
    if constexpr (can_write) {
        if (device_.write_up_to(std::as_bytes(std::span(s, size)), ec) < size && !ec)
            ec = {ENOSPC, std::system_category()};
    }
    last_error_ = ec;
    return ec;
}

template <class Device, class Base>
std::error_code memory_streambuf<Device, Base>::flush_writes() noexcept {
    const auto pending = static_cast<std::size_t>(this->pptr() - this->pbase());
    if (pending == 0) return {};
    this->setp(space(), space() + capacity_);  // gone, whether or not they can be written
    return write_out(space(), pending);
}

// ---- errors ----

template <class Device, class Base>
memory_error memory_streambuf<Device, Base>::error_here(std::error_code ec, direction d) const {
    const auto& m = device_.memory();
    return {d == direction::writing ? naming::write_operation(m) : naming::read_operation(m), naming::process_id(m),
            device_.position().where(), ec};
}

/// See set_owner(). Returns false.
template <class Device, class Base>
bool memory_streambuf<Device, Base>::report(const memory_error& failure) {
    if (owner_ == nullptr || (owner_->flags() & std::ios_base::unitbuf)) return false;
    const bool wanted = (owner_->exceptions() & std::ios_base::badbit) != 0;
    try {
        owner_->setstate(std::ios_base::badbit);
    } catch (const std::ios_base::failure&) {
        // It carries no errno; the one below does.
    }
    if (wanted) throw memory_error(failure);
    return false;
}

}  // namespace vmio
