// SPDX-License-Identifier: BSL-1.0
/// Standard streams over any memory_device.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstring>
#include <ios>
#include <istream>
#include <ostream>
#include <type_traits>
#include <utility>

#include <vmio/memory_device.hpp>
#include <vmio/memory_streambuf.hpp>

namespace vmio {

/// `Stream` (std::iostream, std::istream or std::ostream) over a `Device`, buffered by memory_streambuf.
///
/// Constructors and open() are those of the device, then an optional buffer size in bytes (0: unbuffered, slow). What
/// the device throws they throw: a process that cannot be opened is a memory_error, not a silent failbit. Once open,
/// errors follow the standard: reading into a hole gives gcount() bytes, eofbit and failbit; reading that begins in
/// one, and every failed write, badbit. With exceptions(std::ios::badbit) the latter are thrown as memory_error. A
/// stream that is not open fails like a std::fstream that is not. Not thread-safe.
template <class Device, class Stream>
class basic_memory_stream : public Stream {
public:
    using memory_type = typename Device::memory_type;                                     ///< what the device stands in
    using buffer_type = memory_streambuf<Device>;                                         ///< what rdbuf() is
    static constexpr std::size_t default_buffer_size = buffer_type::default_buffer_size;  ///< in bytes

    /// Not open.
    basic_memory_stream() : Stream(nullptr) {
        this->init(&buffer_);
        buffer_.set_owner(this);
    }

    /// As of a std::fstream: with what is buffered, and the state. The other one is not open then.
    basic_memory_stream(basic_memory_stream&& other) noexcept
        : Stream(std::move(other)), buffer_(std::move(other.buffer_)), state_(*this) {
        this->set_rdbuf(&buffer_);
        buffer_.set_owner(this);
    }
    /// The same. What is assigned to is closed before, as by the destructor.
    basic_memory_stream& operator=(basic_memory_stream&& other) noexcept {
        Stream::operator=(std::move(other));
        buffer_ = std::move(other.buffer_);
        return *this;
    }

    /// Over a device, from where it stands.
    explicit basic_memory_stream(Device device, std::size_t buffer_size = default_buffer_size) : basic_memory_stream() {
        open(std::move(device), buffer_size);
    }
    /// Over all of a memory, where a position is an address, standing at `start`.
    explicit basic_memory_stream(memory_type memory, address start = 0, std::size_t buffer_size = default_buffer_size)
        : basic_memory_stream(Device(std::move(memory), start), buffer_size) {}
    /// Over a window of a memory, which begins at position 0.
    basic_memory_stream(memory_type memory, const address_range& window, std::size_t buffer_size = default_buffer_size)
        : basic_memory_stream(Device(std::move(memory), window), buffer_size) {}

    /// As the constructors; EBUSY if open already. Clears the state of the stream.
    void open(Device device, std::size_t buffer_size = default_buffer_size) {
        buffer_.attach(std::move(device), buffer_size);
        this->clear();
    }
    /// The same over all of a memory.
    void open(memory_type memory, address start = 0, std::size_t buffer_size = default_buffer_size) {
        open(Device(std::move(memory), start), buffer_size);
    }
    /// The same over a window.
    void open(memory_type memory, const address_range& window, std::size_t buffer_size = default_buffer_size) {
        open(Device(std::move(memory), window), buffer_size);
    }

    /// Whether it has a device: from open() to close(), whatever becomes of the process.
    bool is_open() const noexcept { return buffer_.is_attached(); }

    /// Writes what is pending and closes in any case. A write that fails sets badbit, or throws memory_error where
    /// exceptions() asks for it. Nothing if not open. The destructor does the same but can tell nobody.
    void close() {
        try {
            buffer_.detach();
        } catch (const memory_error& failure) {
            buffer_.raise(failure);
        }
    }

    /// Why the last transfer stopped: none after one that did not, and none at an end.
    std::error_code last_error() const noexcept { return buffer_.last_error(); }

    /// The device, whose position is that of the buffer: tellg() and tellp() say where the stream is.
    Device& device() noexcept { return buffer_.device(); }
    /// As of a std::fstream: the stream's own buffer.
    buffer_type* rdbuf() const noexcept { return const_cast<buffer_type*>(&buffer_); }

    /// The value at the position, as read() would get its bytes, gcount() included; where that fails, the state is set
    /// and the value is all zeros.
    template <class T>
    requires std::derived_from<Stream, std::istream> T read_value() {
        static_assert(std::is_trivially_copyable_v<T>, "only the bytes of a value can be moved");
        alignas(T) char value[sizeof(T)];
        if constexpr (requires { this->_M_gcount; }) {  // libstdc++: without the price of read()
            if (state_.good() && state_.tie() == nullptr && buffer_.take_buffered(value, sizeof(T))) [[likely]] {
                this->_M_gcount = sizeof(T);
                return __builtin_bit_cast(T, value);
            }
        }
        if (!this->read(value, sizeof(T))) std::memset(value, 0, sizeof(T));
        return __builtin_bit_cast(T, value);
    }

    /// Writes the bytes of a value at the position, as write() would.
    template <class T>
    requires std::derived_from<Stream, std::ostream>
    void write_value(const T& value) {
        static_assert(std::is_trivially_copyable_v<T>, "only the bytes of a value can be moved");
        this->write(reinterpret_cast<const char*>(&value), sizeof value);
    }

private:
    buffer_type buffer_;
    const std::ios& state_ = *this;  // the virtual base, found once
};

/// Streams over any memory: a cache, a frozen process, a test's fake.
/// @{
template <class M>
using memory_stream = basic_memory_stream<memory_device<M>, std::iostream>;
template <class M>
using memory_istream = basic_memory_stream<memory_device<M>, std::istream>;
template <class M>
using memory_ostream = basic_memory_stream<memory_device<M>, std::ostream>;
/// @}

}  // namespace vmio
