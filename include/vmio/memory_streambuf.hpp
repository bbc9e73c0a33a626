// SPDX-License-Identifier: BSL-1.0
/// The stream buffer around a memory_device.
#pragma once

#include <cstddef>
#include <cstring>
#include <ios>
#include <memory>
#include <optional>
#include <span>
#include <streambuf>
#include <string>
#include <system_error>

#include <vmio/detail/ios_flags.hpp>
#include <vmio/error.hpp>

namespace vmio {

/// Buffers a device over memory that others change and that has holes.
///
/// * Large transfers go straight between the caller's memory and the device.
/// * After a seek it reads to the end of the page, which costs what eight bytes cost, and more with every refill.
/// * A seek to a place and sync() drop what was read, so the next read sees the memory as it is then. Asking for the
///   position, as tellg() and tellp() do, drops nothing and makes no call unless a write is pending.
/// * Reading into a hole gives what lies before it, as before an end; memory_error only where the read begins there.
/// * Writes wait for a full buffer, sync(), a seek, tellg() or tellp(), a read or detach(). If they fail then, they are
///   dropped with that report (never written later or elsewhere) and the position is the first byte that was not
///   written.
///
/// One buffer serves both directions, at one position. Errors of reading and of direct writes are thrown, which a
/// stream turns into badbit; see set_owner() for the others. `Base` is std::streambuf, or derived from it.
///
/// A buffer that was moved from has no device, and may be asked what one without a device may be asked: everything but
/// device(). Not thread-safe.
template <class Device, class Base = std::streambuf>
class memory_streambuf : public Base {
public:
    /// The types of std::streambuf.
    /// @{
    using int_type = typename Base::int_type;
    using pos_type = typename Base::pos_type;
    using traits_type = typename Base::traits_type;
    /// @}

    /// Whether the device offers read_some() and write_up_to().
    /// @{
    static constexpr bool can_read = requires(Device & d, std::span<std::byte> to, std::error_code& ec) {
        d.read_some(to, ec);
    };
    static constexpr bool can_write = requires(Device & d, std::span<const std::byte> from, std::error_code& ec) {
        d.write_up_to(from, ec);
    };
    /// @}

    static constexpr std::size_t default_buffer_size = std::size_t{1} << 16;  ///< in bytes

    /// Without a device: every transfer meets an end at once.
    memory_streambuf();
    /// Moves the device and what is buffered; pending bytes are written from their new place. Owners stay.
    memory_streambuf(memory_streambuf&& other) noexcept;
    /// Moves after writing what is pending here, as the destructor does.
    memory_streambuf& operator=(memory_streambuf&& other) noexcept;

    /// Writes what is pending and ignores a failure, which detach() reports.
    ~memory_streambuf() override;

    /// Exchanges devices and what is buffered. Owners stay. Writes nothing.
    void swap(memory_streambuf& other) noexcept;

    /// Takes a device and a buffer size in bytes; 0 writes at once and reads byte by byte.
    /// Errors: EBUSY if there is a device already.
    void attach(Device device, std::size_t buffer_size);
    /// A std::ios::openmode is no buffer size.
    template <class Flag>
    requires detail::with_ios_flag<Flag>
    void attach(Device, Flag) = delete;

    /// Writes what is pending and closes the device, whatever happens; a no-op without one.
    /// Errors: that of the write.
    void detach();

    /// Whether there is a device that is open.
    bool is_attached() const noexcept { return device_.is_open(); }
    /// The device. Its position is behind what has been read ahead, and before what waits to be written.
    /// @{
    Device& device() noexcept { return device_; }
    const Device& device() const noexcept { return device_; }
    /// @}

    /// Why the last transfer stopped; none if it did not stop, or met the end.
    std::error_code last_error() const noexcept { return last_error_; }

    /// Sets the stream that learns when sync() or a seek for output fails. std::ostream would not catch an exception
    /// from there, so one is thrown only if the owner asks for it by exceptions(), after setting its badbit, and never
    /// under unitbuf, where the caller is a destructor. Without an owner, -1 is the only report.
    void set_owner(std::ios* owner) noexcept { owner_ = owner; }

    /// Reports to the owner as set_owner() says.
    /// Returns: false, for where that is the result.
    bool report(const memory_error& failure);

    /// Sets the owner's badbit and throws if its exceptions() ask for that. Precondition: there is an owner.
    void raise(const memory_error& failure);

    /// Takes the next `size` bytes if they are in the buffer and not none.
    bool take_buffered(void* to, std::size_t size) noexcept {
        if (size == 0 || static_cast<std::size_t>(this->egptr() - this->gptr()) < size) return false;
        std::memcpy(to, this->gptr(), size);
        this->gbump(static_cast<int>(size));
        return true;
    }

    /// Appends the next bytes to `text`, up to a NUL, which is taken but not appended, or `limit` bytes.
    /// Returns: false if the data ends before.
    /// Errors: memory_error if nothing can be read from the start.
    bool take_string(std::string& text, std::size_t limit);

    /// Puts `size` bytes into the buffer if it is being written and has room for them.
    bool put_buffered(const void* from, std::size_t size) noexcept {
        if (static_cast<std::size_t>(this->epptr() - this->pptr()) < size) return false;
        std::memcpy(this->pptr(), from, size);
        this->pbump(static_cast<int>(size));
        return true;
    }

protected:
    /// The overriders of std::streambuf: see the class.
    /// @{
    int_type underflow() override;
    int_type uflow() override;
    std::streamsize xsgetn(char* s, std::streamsize n) override;
    int_type pbackfail(int_type c) override;
    std::streamsize showmanyc() override;
    int_type overflow(int_type c) override;
    std::streamsize xsputn(const char* s, std::streamsize n) override;
    int sync() override;
    pos_type seekoff(std::streamoff off, std::ios_base::seekdir way, std::ios_base::openmode which) override;
    pos_type seekpos(pos_type to, std::ios_base::openmode which) override;
    /// @}

private:
    static constexpr std::size_t putback_size = 16;

    char* space() noexcept { return buffer_.get() + putback_size; }

    std::size_t bulk_size() const noexcept;
    void take(memory_streambuf& other) noexcept;

    // False: this device cannot, or is closed. Reading begins by writing what is pending, and throws if that fails.
    bool begin_reading();
    bool begin_writing() noexcept;
    void settle() noexcept;
    void drop_buffer() noexcept;

    /// Whether the caller only looks ahead, as while it reads a number or a line: a hole ends the data here, and is an
    /// error at the next call.
    bool looks_ahead() const noexcept { return this->gptr() != this->eback() && !at_hole_; }
    int_type next(bool hole_is_end);
    std::streamsize take_some_buffered(char* to, std::streamsize n) noexcept;
    std::size_t next_fill() const noexcept;
    void grow_fill() noexcept;
    bool fill(std::error_code& ec) noexcept;
    std::size_t read_directly(char* s, std::size_t done, std::size_t n, std::error_code& ec) noexcept;
    std::error_code write_out(const char* s, std::size_t size) noexcept;
    std::error_code flush_writes() noexcept;
    pos_type fail_seek(const memory_error& failure, bool stays, std::ios_base::openmode which);
    pos_type tell() noexcept;

    enum class direction { reading, writing };
    memory_error error_here(std::error_code ec, direction) const;

    Device device_;
    std::unique_ptr<char[]> buffer_;
    std::size_t capacity_ = 0;
    std::size_t fill_ = 0;  // the size of the next fill; 0 after a seek
    std::error_code last_error_;
    bool at_hole_ = false;                    // and has reported it
    std::optional<memory_error> unreported_;  // of a failed flush whose report may have been ignored
    std::ios* owner_ = nullptr;
};

}  // namespace vmio

#include <vmio/detail/memory_streambuf_impl.hpp>
