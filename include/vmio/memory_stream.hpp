// SPDX-License-Identifier: BSL-1.0
/// Standard streams over any memory_device.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstring>
#include <ios>
#include <istream>
#include <ostream>
#include <span>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <vmio/detail/ios_flags.hpp>
#include <vmio/detail/memory_device_core.hpp>
#include <vmio/detail/read_values.hpp>
#include <vmio/memory_streambuf.hpp>

namespace vmio {

/// `Stream` (std::iostream, std::istream or std::ostream) over a `Device`, buffered by memory_streambuf.
///
/// Constructors and open() are those of the device, then an optional buffer size in bytes (0: unbuffered, slow). They
/// throw what the device throws: a process that cannot be opened is a memory_error, not a silent failbit.
///
/// Once open, errors follow the standard: reading into a hole gives gcount() bytes, eofbit and failbit; reading that
/// begins in one, and every failed write, gives badbit. With exceptions(std::ios::badbit) the latter are thrown as
/// memory_error. With libc++, whose sentry does not catch, formatted input that begins in a hole always throws,
/// and std::getline() of a last line before a hole sets badbit. A
/// stream that is not open fails like a std::fstream that is not.
///
/// tellg() and tellp() drop nothing that was read and make no call, but write what is pending first. So does
/// seekg(0, std::ios::cur), which is the same call. Any other seek and sync() make the next read see the memory as it
/// is then.
///
/// A stream that was moved from is not open; it may be asked what such a stream may be asked, and opened again. Not
/// thread-safe.
template <class Device, class Stream>
class basic_memory_stream : public Stream {
public:
    using memory_type = typename Device::memory_type;  ///< the memory below the device
    using buffer_type = memory_streambuf<Device>;      ///< the type of *rdbuf()
    static constexpr std::size_t default_buffer_size = buffer_type::default_buffer_size;  ///< in bytes

    /// Not open.
    basic_memory_stream();

    /// Moves as a std::fstream does: with what is buffered, and the state. `other` is not open afterwards.
    basic_memory_stream(basic_memory_stream&& other) noexcept;
    /// Moves after closing this stream as the destructor does. `other` is not open afterwards.
    basic_memory_stream& operator=(basic_memory_stream&& other) noexcept;
    /// Writes what is pending and closes; a failure is ignored, which close() reports.
    ~basic_memory_stream() override;

    /// Over a device, from its position on.
    explicit basic_memory_stream(Device device, std::size_t buffer_size = default_buffer_size);
    /// Over all of a memory, where a position is an address; the position is `start`.
    explicit basic_memory_stream(memory_type memory, address start = 0, std::size_t buffer_size = default_buffer_size);
    /// Over a window of a memory, which begins at position 0.
    basic_memory_stream(memory_type memory, const address_range& window, std::size_t buffer_size = default_buffer_size);
    /// A std::ios::openmode is neither an address nor a buffer size; a pointer is not, either.
    template <class... Args>
    requires detail::mistaken<Args...>
    explicit basic_memory_stream(Args&&...) = delete;  // write address_of(pointer), open_process("comm:NAME").id()

    /// Opens as the constructors do, and clears the state of the stream.
    /// Errors: EBUSY if the stream is open already.
    void open(Device device, std::size_t buffer_size = default_buffer_size);
    /// Opens all of a memory in the same way.
    void open(memory_type memory, address start = 0, std::size_t buffer_size = default_buffer_size);
    /// Opens a window in the same way.
    void open(memory_type memory, const address_range& window, std::size_t buffer_size = default_buffer_size);
    /// A std::ios::openmode is neither an address nor a buffer size; a pointer is not, either.
    template <class... Args>
    requires detail::mistaken<Args...>
    void open(Args&&...) = delete;  // write address_of(pointer), open_process("comm:NAME").id()

    /// Whether the stream has a device: from open() to close(), even if the process has ended meanwhile.
    bool is_open() const noexcept { return buffer_.is_attached(); }

    /// Writes what is pending and closes, whatever happens; a no-op if the stream is not open.
    /// Errors: a failed write sets badbit, or throws memory_error where exceptions() ask for it.
    void close();

    /// Exchanges devices, what is buffered, and the states. Writes nothing.
    void swap(basic_memory_stream& other) noexcept;
    /// a.swap(b).
    friend void swap(basic_memory_stream& a, basic_memory_stream& b) noexcept { a.swap(b); }

    /// Why the last transfer stopped; none if it did not stop, or met the end.
    std::error_code last_error() const noexcept { return buffer_.last_error(); }

    /// The device. Its position is that of the buffer: tellg() and tellp() give that of the stream.
    Device& device() noexcept { return buffer_.device(); }
    /// The stream's own buffer, as std::fstream gives it.
    buffer_type* rdbuf() const noexcept { return const_cast<buffer_type*>(&buffer_); }

    /// The read() of std::istream, which takes what is buffered at a fraction of the price.
    template <class Input = Stream>  // clang 14 instantiates other members although they do not meet their constraints
    requires std::derived_from<Input, std::istream> std::istream& read(char* to, std::streamsize size) {
        if (size >= 0 && take_buffered(to, static_cast<std::size_t>(size))) [[likely]]
            return *this;
        return Stream::read(to, size);
    }

    /// Reads a trivially copyable value at the position as read() would get its bytes, gcount() included.
    /// Returns: the value; all zeros where that fails and sets the state.
    template <class T>
    requires std::derived_from<Stream, std::istream> T read_value() {
        static_assert(std::is_trivially_copyable_v<T>, "only the bytes of a value can be moved");
        alignas(T) char value[sizeof(T)];
        if (!read(value, sizeof(T))) std::memset(value, 0, sizeof(T));
        return __builtin_bit_cast(T, value);
    }

    /// Reads trivially copyable values at the position in the same way.
    /// Returns: the number of whole values; the bytes of those behind are zeros.
    /// @{
    template <detail::readable_value T>
    requires std::derived_from<Stream, std::istream> std::size_t read_values(std::span<T> to) {
        const std::span<std::byte> bytes = std::as_writable_bytes(to);
        if (read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()))) return to.size();
        const std::size_t whole = static_cast<std::size_t>(this->gcount()) / sizeof(T);
        const auto rest = bytes.subspan(whole * sizeof(T));
        if (!rest.empty()) std::memset(rest.data(), 0, rest.size());
        return whole;
    }
    /// The same for a span of fixed size.
    template <detail::readable_value T, std::size_t Size>
    requires std::derived_from<Stream, std::istream> std::size_t read_values(std::span<T, Size> to) {
        return read_values(std::span<T>(to));
    }
    /// @}

    /// Reads `count` values into a vector, whose memory grows with what has been read.
    /// Returns: the values; fewer where that fails and sets the state.
    /// Errors: std::length_error, with more bytes than a vector can hold.
    template <detail::readable_value T>
    requires std::derived_from<Stream, std::istream> std::vector<T> read_values(std::size_t count) {
        std::size_t whole = 0;
        std::vector<T> values = detail::read_in_parts<T>(count, [&](std::size_t, std::span<T> to) {
            const std::size_t got = read_values(to);
            whole += got;
            return got == to.size();
        });
        values.resize(whole);
        return values;
    }

    /// Reads a string that ends with a NUL, and the NUL, which is not part of it.
    /// Returns: the bytes before the NUL, or `limit` bytes if none of them is NUL: then the position is behind them.
    /// Where memory ends before, the bytes that are left, with eofbit and failbit; badbit if it cannot be read from the
    /// start.
    template <class Input = Stream>
    requires std::derived_from<Input, std::istream> std::string read_string(std::size_t limit) {
        std::string text;
        const std::istream::sentry ready(*this, true);
        if (!ready) return text;
        try {
            if (!buffer_.take_string(text, limit)) this->setstate(std::ios_base::eofbit | std::ios_base::failbit);
        } catch (const memory_error& failure) {
            buffer_.raise(failure);
        }
        return text;
    }

    /// Writes the bytes of a trivially copyable value at the position as write() would.
    template <class T>
    requires std::derived_from<Stream, std::ostream>
    void write_value(const T& value) {
        static_assert(std::is_trivially_copyable_v<T>, "only the bytes of a value can be moved");
        this->write(reinterpret_cast<const char*>(&value), sizeof value);
    }
    // A compiler shows the line with its comment.
    // clang-format off
    /// An input stream does not write, and an output stream does not read.
    /// @{
    template <class T> requires(!std::derived_from<Stream, std::ostream>)
    void write_value(const T&) = delete;  // an input stream: open a process_vm_stream or a process_vm_ostream
    template <class T> requires(!std::derived_from<Stream, std::istream>)
    T read_value() = delete;  // an output stream: open a process_vm_stream or a process_vm_istream
    /// @}
    // clang-format on

private:
    /// Takes bytes as read() would if they are in the buffer, and nothing else is to be done.
    bool take_buffered([[maybe_unused]] char* to, [[maybe_unused]] std::size_t size) {
        if constexpr (requires { this->_M_gcount; }) {  // libstdc++
            if (state_.good() && state_.tie() == nullptr && buffer_.take_buffered(to, size)) [[likely]] {
                this->_M_gcount = static_cast<std::streamsize>(size);
                return true;
            }
        }
        return false;
    }

    buffer_type buffer_;
    const std::ios& state_ = *this;  // the virtual base, found once
};

/// Streams over any memory: a cache, a frozen process, a test's fake.
/// @{
template <memory_reader M>
using memory_stream = basic_memory_stream<memory_device<M>, std::iostream>;
template <memory_reader M>
using memory_istream = basic_memory_stream<memory_device<M>, std::istream>;
template <memory_reader M>
using memory_ostream = basic_memory_stream<memory_device<M>, std::ostream>;
/// @}

}  // namespace vmio

#include <vmio/detail/memory_stream_impl.hpp>
