// SPDX-License-Identifier: BSL-1.0
/// The stream buffer around a memory_device.
#pragma once

#include <algorithm>
#include <cstring>
#include <ios>
#include <memory>
#include <optional>
#include <streambuf>
#include <system_error>
#include <type_traits>

#include <boost/iostreams/categories.hpp>
#include <boost/iostreams/traits.hpp>

#include <vmio/error.hpp>
#include <vmio/memory.hpp>

namespace vmio {

/// Buffers a device over memory that others change and that has holes.
///
/// * Large transfers go straight between the caller's memory and the device.
/// * After a seek it reads to the end of the page, which costs what eight bytes cost, and more with every refill.
/// * Seeking, asking for the position and sync() drop what was read: the next read sees the memory as it is then.
/// * Reading into a hole gives what lies before it, as before an end; memory_error only where it begins there.
/// * Writes wait for a full buffer, sync(), a seek, a read or detach(). If they fail then, they are dropped with that
///   report (never written later or elsewhere) and the position is the first byte that was not written.
///
/// One buffer serves both directions, at one position. Errors of reading and of direct writes are thrown, which a
/// stream turns into badbit; see set_owner() for the rest. `Base` is std::streambuf, or derived from it.
template <class Device, class Base = std::streambuf>
class memory_streambuf : public Base {
    using category = typename boost::iostreams::category_of<Device>::type;

public:
    /// As of a std::streambuf.
    /// @{
    using int_type = typename Base::int_type;
    using pos_type = typename Base::pos_type;
    using traits_type = typename Base::traits_type;
    /// @}

    /// The directions of the device.
    /// @{
    static constexpr bool can_read = std::is_convertible_v<category, boost::iostreams::input>;
    static constexpr bool can_write = std::is_convertible_v<category, boost::iostreams::output>;
    /// @}

    static constexpr std::size_t default_buffer_size = std::size_t{1} << 16;  ///< in bytes

    /// Without a device: every transfer meets an end at once.
    memory_streambuf() = default;
    /// What is pending moves too, and is written from its new place; what is assigned to is flushed before, as by the
    /// destructor. The other one has no device then. Owners stay.
    /// @{
    memory_streambuf(memory_streambuf&& other) noexcept : Base(other) { take(other); }
    memory_streambuf& operator=(memory_streambuf&& other) noexcept {
        if (this == &other) return *this;
        flush_writes();
        Base::operator=(other);
        take(other);
        return *this;
    }
    /// @}

    /// Writes what is pending; a failure stays unknown. detach() tells it.
    ~memory_streambuf() override { flush_writes(); }

    /// Throws as the device's open() if open already. A buffer size of 0 writes at once and reads byte by byte.
    void attach(Device device, std::size_t buffer_size);

    /// Flushes and closes, whatever happens; then throws what the flush threw. Nothing if not open.
    void detach();

    /// Whether there is a device that is open.
    bool is_attached() const noexcept { return device_.is_open(); }
    /// It stands behind what has been read ahead, and before what waits to be written.
    /// @{
    Device& device() noexcept { return device_; }
    const Device& device() const noexcept { return device_; }
    /// @}

    /// Why the last transfer stopped; none if it did not, or met the end.
    std::error_code last_error() const noexcept { return last_error_; }

    /// The stream to tell when sync() or a seek for output fails. std::ostream would not catch an exception from there,
    /// so one is thrown only if the owner asks for it by exceptions(), after setting its badbit, and never under
    /// unitbuf, where the caller is a destructor. Without an owner, -1 is all that is said.
    void set_owner(std::ios* owner) noexcept { owner_ = owner; }

    /// Tells the owner so, but under unitbuf. Returns false, for where that is the result.
    bool report(const memory_error& failure);

    /// Tells the owner, which there must be, by its badbit and what its exceptions() ask for.
    void raise(const memory_error& failure);

    /// The next `size` bytes, if they are in the buffer.
    bool take_buffered(void* to, std::size_t size) noexcept {
        if (static_cast<std::size_t>(this->egptr() - this->gptr()) < size) return false;
        std::memcpy(to, this->gptr(), size);
        this->gbump(static_cast<int>(size));
        return true;
    }

    /// Puts `size` bytes into the buffer, if it is being written and has room for them.
    bool put_buffered(const void* from, std::size_t size) noexcept {
        if (static_cast<std::size_t>(this->epptr() - this->pptr()) < size) return false;
        std::memcpy(this->pptr(), from, size);
        this->pbump(static_cast<int>(size));
        return true;
    }

protected:
    /// What std::streambuf asks for: see the class.
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

    /// From here on, copying into the buffer costs more than a call of its own would.
    std::size_t bulk_size() const noexcept { return std::min(capacity_, std::max(capacity_ / 4, page_size())); }

    // All but the areas and the locale, which std::streambuf copies.
    void take(memory_streambuf& other) noexcept {
        device_ = std::exchange(other.device_, Device());
        buffer_ = std::move(other.buffer_);
        capacity_ = other.capacity_;
        fill_ = other.fill_;
        at_hole_ = other.at_hole_;
        last_error_ = std::exchange(other.last_error_, {});
        untold_ = std::exchange(other.untold_, std::nullopt);
        other.drop_buffer();
    }

    // False: this device cannot, or is closed. Reading begins by writing what is pending, and throws if that fails.
    bool begin_reading();
    bool begin_writing() noexcept;
    void settle() noexcept;
    void drop_buffer() noexcept;

    int_type next(bool hole_is_end);
    std::streamsize take_what_is_there(char* to, std::streamsize n) noexcept;
    std::size_t next_fill() const noexcept;
    void grow_fill() noexcept;
    bool fill(std::error_code& ec) noexcept;
    std::size_t read_directly(char* s, std::size_t done, std::size_t n, std::error_code& ec) noexcept;
    std::error_code write_out(const char* s, std::size_t size) noexcept;
    std::error_code flush_writes() noexcept;

    enum class direction { reading, writing };
    memory_error error_here(std::error_code ec, direction) const;

    Device device_;
    std::unique_ptr<char[]> buffer_;
    std::size_t capacity_ = 0;
    std::size_t fill_ = 0;  // the size of the next fill; 0 after a seek
    std::error_code last_error_;
    bool at_hole_ = false;                // and has said so
    std::optional<memory_error> untold_;  // of a failed flush that may have been ignored
    std::ios* owner_ = nullptr;
};

}  // namespace vmio

#include <vmio/detail/memory_streambuf_impl.hpp>
