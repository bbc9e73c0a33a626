// SPDX-License-Identifier: BSL-1.0
/// The buffer of vmio/memory_streambuf.hpp; include that.
///
///     reading   | kept for unget | read already | to be read |          the device is behind the last byte
///               eback            space()        gptr         egptr
///
///     writing                    | pending      | room       |          the device is where the first pending
///                                pbase, space() pptr         epptr      byte belongs
///
/// At most one of the two areas exists; with neither, the device is where the stream is.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

#include <vmio/address.hpp>
#include <vmio/detail/memory_naming.hpp>
#include <vmio/error.hpp>

namespace vmio {

// ---- moving ----

/// Moves all but the areas and the locale, which std::streambuf copies; leaves `other` without a device.
template <class Device, class Base>
void memory_streambuf<Device, Base>::take(memory_streambuf& other) noexcept {
    device_ = std::exchange(other.device_, Device());
    buffer_ = std::move(other.buffer_);
    capacity_ = other.capacity_;
    fill_ = other.fill_;
    at_hole_ = other.at_hole_;
    last_error_ = std::exchange(other.last_error_, {});
    unreported_ = std::exchange(other.unreported_, std::nullopt);
    other.drop_buffer();
}

// ---- the two directions ----

/// From this size on, copying through the buffer is slower than a direct call.
template <class Device, class Base>
std::size_t memory_streambuf<Device, Base>::bulk_size() const noexcept {
    return std::min(capacity_, std::max(capacity_ / 4, page_size()));
}

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

/// Moves the device to the position of the stream. Drops bytes read ahead and keeps the putback area.
/// Precondition: no bytes are pending.
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
std::streamsize memory_streambuf<Device, Base>::take_some_buffered(char* to, std::streamsize n) noexcept {
    const std::streamsize size = std::min<std::streamsize>(n, this->egptr() - this->gptr());
    return size > 0 && take_buffered(to, static_cast<std::size_t>(size)) ? size : 0;
}

/// Returns: the number of bytes to read: first to the end of the page, then a page, then twice as many each time.
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

/// Reads once, after the last few bytes that were read, which are kept for unget.
/// Returns: false at the end, or with ec.
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

/// Reads after the `done` bytes at `s` until there are `n`, an error (ec) or the end.
/// Returns: the number of bytes at `s`.
template <class Device, class Base>
std::size_t memory_streambuf<Device, Base>::read_directly(char* s, std::size_t done, std::size_t n,
                                                          std::error_code& ec) noexcept {
    std::size_t got = 0;
    if constexpr (can_read) got = device_.read_up_to(std::as_writable_bytes(std::span(s + done, n - done)), ec);
    // For unget: the end of what was read now, behind the end of what was read before.
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
        if (device_.write_up_to(std::as_bytes(std::span(s, size)), ec) < size && !ec) ec = detail::end_of_memory();
    }
    last_error_ = ec;
    return ec;
}

template <class Device, class Base>
std::error_code memory_streambuf<Device, Base>::flush_writes() noexcept {
    const auto pending = static_cast<std::size_t>(this->pptr() - this->pbase());
    if (pending == 0) return {};
    this->setp(space(), space() + capacity_);  // dropped even if the write fails
    return write_out(space(), pending);
}

// ---- errors ----

template <class Device, class Base>
memory_error memory_streambuf<Device, Base>::error_here(std::error_code ec, direction d) const {
    const auto& m = device_.memory();
    return {d == direction::writing ? detail::write_operation_of(m) : detail::read_operation_of(m),
            detail::process_id_of(m), device_.position().where(), ec};
}

template <class Device, class Base>
bool memory_streambuf<Device, Base>::report(const memory_error& failure) {
    if (owner_ != nullptr && !(owner_->flags() & std::ios_base::unitbuf)) raise(failure);
    return false;
}

template <class Device, class Base>
void memory_streambuf<Device, Base>::raise(const memory_error& failure) {
    const bool wanted = (owner_->exceptions() & std::ios_base::badbit) != 0;
    try {
        owner_->setstate(std::ios_base::badbit);
    } catch (const std::ios_base::failure&) {
        // Carries no errno; the one below does.
    }
    if (wanted) throw memory_error(failure);
}

}  // namespace vmio
