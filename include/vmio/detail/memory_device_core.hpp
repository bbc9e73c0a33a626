// SPDX-License-Identifier: BSL-1.0
/// memory_device without the parts that depend on Boost; the streams include this, and so do not include Boost.
///
/// A program that includes this alone can name a device, but cannot pass it to Boost: `category` is incomplete, and so
/// is the stream buffer. Thus all translation units use the buffer chosen by vmio/memory_device.hpp.
#pragma once

#include <cerrno>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <ios>
#include <optional>
#include <span>
#include <system_error>
#include <type_traits>
#include <utility>

#include <vmio/detail/cursor.hpp>
#include <vmio/detail/ios_flags.hpp>
#include <vmio/detail/memory_naming.hpp>
#include <vmio/error.hpp>
#include <vmio/memory.hpp>

namespace vmio {

/// A cursor over a memory, and a Boost.Iostreams device: seekable, closable, optimally buffered; input only if the
/// memory cannot be written. Include vmio/memory_device.hpp.
///
/// Over the whole address space a position **is** an address; an address of 2^63 or more cannot be sought, since it
/// does not fit a stream offset. Over a window a position is an offset in bytes from its start.
///
/// A copy copies the memory `M` (which should be a cheap handle) and has its own position. A moved-from device is not
/// open. A pending write error, which close() or seek() would report, is neither copied nor moved.
/// Not thread-safe; copies are independent.
///
/// Errors: memory_error; the position is then unchanged. EBADF if the device is not open.
template <memory_reader M>
class memory_device {
public:
    using char_type = char;              ///< a byte, as Boost expects it
    using memory_type = M;               ///< the memory below the device
    using position_type = std::int64_t;  ///< boost::iostreams::stream_offset

    /// Boost's category: the mode, and support for close() and optimal_buffer_size(). Defined in
    /// vmio/memory_device.hpp.
    struct category;

    /// Not open.
    memory_device() = default;

    /// The whole address space; the position is `start`.
    explicit memory_device(M memory, address start = 0) : memory_(std::move(memory)), cursor_(start) {}

    /// A window: position 0 is window.start(), the end is its size.
    memory_device(M memory, const address_range& window) : memory_(std::move(memory)), cursor_(window) {}

    /// A std::ios::openmode is neither an address nor a range; a pointer is not, either.
    template <class... Args>
    requires detail::mistaken<Args...>
    explicit memory_device(Args&&...) = delete;  // write address_of(pointer), open_process("comm:NAME").id()

    memory_device(const memory_device&) = default;             ///< see the class
    memory_device& operator=(const memory_device&) = default;  ///< see the class
    /// Moves the memory and the position; `other` is not open afterwards.
    memory_device(memory_device&& other) noexcept(std::is_nothrow_move_constructible_v<M>)
        : memory_(std::exchange(other.memory_, std::nullopt)), cursor_(other.cursor_) {}
    /// Moves the memory and the position; `other` is not open afterwards.
    memory_device& operator=(memory_device&& other) noexcept(
        std::is_nothrow_move_constructible_v<M>&& std::is_nothrow_move_assignable_v<M>) {
        if (this == &other) return *this;
        memory_ = std::exchange(other.memory_, std::nullopt);
        cursor_ = other.cursor_;
        failed_write_ = other.failed_write_;
        return *this;
    }
    ~memory_device() = default;

    /// Opens as the constructors do.
    /// Errors: EBUSY if the device is open already.
    template <class... Args>
    requires std::is_constructible_v<memory_device, M, Args...>
    void open(M memory, Args&&... args) { open_as(memory_device(std::move(memory), std::forward<Args>(args)...)); }

    /// Whether the device has a memory: from open() to close(), even if the process has ended meanwhile.
    bool is_open() const noexcept { return memory_.has_value(); }

    /// Closes the device; a no-op if it is not open.
    /// Errors: those of an earlier write(), unless a write() or seek() followed it.
    void close() {
        memory_.reset();
        throw_failed_write();
    }

    /// Reads `n` bytes, or those before the end of the memory: a hole, the end of the window, the top of the address
    /// space.
    /// Returns: the number of bytes; -1 at an end, and for an `n` of 0.
    /// Errors: that of the memory if the first byte lies in a hole; EINVAL for a negative `n`.
    std::streamsize read(char* s, std::streamsize n) {
        require(n);
        if (n == 0) return -1;
        std::error_code ec;
        const std::size_t done = read_up_to(std::as_writable_bytes(std::span(s, static_cast<std::size_t>(n))), ec);
        if (done > 0) return static_cast<std::streamsize>(done);
        if (ec) fail(detail::read_operation_of(*memory_), cursor_.where(), ec);
        return -1;
    }

    /// Writes all `n` bytes.
    /// Returns: `n`.
    /// Errors: that of the memory, or errc::end_of_memory at an end; the bytes before memory_error::where() have then
    /// been written. The error is thrown again by the next seek() or close(), unless a write succeeds before:
    /// boost::iostreams::stream ignores it the first time.
    std::streamsize write(const char* s, std::streamsize n) requires memory_writer<M> {
        require(n);
        if (n == 0) return 0;
        const cursor before = cursor_;
        const std::size_t size = static_cast<std::size_t>(n);
        std::error_code ec;
        const std::size_t done = write_up_to(std::as_bytes(std::span(s, size)), ec);
        failed_write_.error.reset();
        if (done == size) return n;
        if (!ec) ec = detail::end_of_memory();
        failed_write_.error =
            memory_error(detail::write_operation_of(*memory_), detail::process_id_of(*memory_), cursor_.where(), ec);
        cursor_ = before;
        throw memory_error(*failed_write_.error);
    }

    /// Moves the position by `off` bytes from the start, the position or the end. A position beyond the end of a window
    /// is clamped to its end.
    /// Returns: the new position.
    /// Errors: EINVAL before the start; EOVERFLOW if a stream offset cannot represent the position, such as the end of
    /// the whole address space; those of an earlier write().
    std::streampos seek(position_type off, std::ios_base::seekdir way) {
        require(0);
        throw_failed_write();
        std::error_code ec;
        if (!try_seek(off, way, ec)) fail("seek", cursor_.where(), ec);
        return static_cast<std::streamoff>(cursor_.offset());
    }

    /// Returns: 64 KiB: the kernel pins up to sixteen pages in one call without allocating a list of them.
    std::streamsize optimal_buffer_size() const noexcept { return std::streamsize{1} << 16; }

    /// Returns: the memory.
    /// Precondition: is_open().
    const M& memory() const noexcept { return *memory_; }
    /// Returns: the position; meaningless while the device is not open.
    const cursor& position() const noexcept { return cursor_; }

    // For stream buffers: no exceptions, no conventions of Boost's. Precondition of all: is_open().

    /// One attempt at the position, which advances by the number of bytes returned; may be partial. 0 without an error:
    /// the end.
    std::size_t read_some(std::span<std::byte> to, std::error_code& ec) noexcept {
        ec.clear();
        to = to.first(static_cast<std::size_t>(cursor_.clip(to.size())));
        if (to.empty()) return 0;
        const std::size_t done = memory_->read_some(cursor_.where(), to, ec);
        cursor_.advance(done);
        return done;
    }

    /// Repeats read_some() until `to` is full, an error (ec), or the end (no ec).
    std::size_t read_up_to(std::span<std::byte> to, std::error_code& ec) noexcept {
        std::size_t done = 0;
        ec.clear();
        while (done < to.size()) {
            const std::size_t step = read_some(to.subspan(done), ec);
            if (step == 0) break;
            done += step;
        }
        return done;
    }

    /// Writes until all of `from` is written, an error (ec), or the end (no ec).
    std::size_t write_up_to(std::span<const std::byte> from, std::error_code& ec) noexcept requires memory_writer<M> {
        std::size_t done = 0;
        ec.clear();
        while (const auto room = static_cast<std::size_t>(cursor_.clip(from.size() - done))) {
            const std::size_t step = memory_->write_some(cursor_.where(), from.subspan(done, room), ec);
            if (step == 0) break;
            cursor_.advance(step);
            done += step;
        }
        return done;
    }

    /// cursor::seek().
    /// Returns: false, with ec and an unchanged position, if that is refused.
    bool try_seek(position_type off, std::ios_base::seekdir way, std::error_code& ec) noexcept {
        ec = {cursor_.seek(off, way), std::system_category()};
        return !ec;
    }

    /// Moves the position back.
    /// Precondition: `by` <= bytes advanced.
    void move_back(std::uint64_t by) noexcept { (void)cursor_.retreat(by); }

protected:
    /// Becomes `other`, or throws EBUSY if the device is open.
    void open_as(memory_device&& other) {
        if (is_open()) fail("open", 0, {EBUSY, std::system_category()});
        *this = std::move(other);
    }

private:
    [[noreturn]] void fail(const char* operation, address where, std::error_code ec) const {
        throw memory_error(operation, memory_ ? detail::process_id_of(*memory_) : 0, where, ec);
    }

    void require(std::streamsize n) const {
        if (!is_open()) fail("use", 0, {EBADF, std::system_category()});
        if (n < 0) fail("transfer", cursor_.where(), {EINVAL, std::system_category()});
    }

    void throw_failed_write() {
        if (const auto failed = std::exchange(failed_write_.error, std::nullopt)) throw memory_error(*failed);
    }

    /// The error of a failed write, which is not copied.
    struct failure {
        failure() = default;
        failure(const failure&) noexcept {}
        failure& operator=(const failure&) noexcept {
            error.reset();
            return *this;
        }
        ~failure() = default;

        std::optional<memory_error> error;
    };

    std::optional<M> memory_;
    cursor cursor_{0};
    failure failed_write_;
};

/// memory_device, or a class derived from it.
template <class D>
concept device_over_memory = requires {
    typename D::memory_type;
}
&&std::is_base_of_v<memory_device<typename D::memory_type>, D>;

/// A device that memory_streambuf can buffer.
template <class D>
concept buffered_memory_device = device_over_memory<D> && std::default_initializable<D> && requires(D& d) {
    d.move_back(0);
    d.memory();
    d.position();
};

}  // namespace vmio

/// @cond
// Boost's choices for a device over memory; defined in vmio/memory_device.hpp.
namespace boost {

template <class T>
class reference_wrapper;

namespace iostreams::detail {

template <typename Device, typename Traits, typename Alloc, typename Mode>
struct stream_buffer_traits;

template <class Device, class Traits, class Alloc, class Mode>
requires vmio::buffered_memory_device<Device>
struct stream_buffer_traits<Device, Traits, Alloc, Mode>;

template <typename Filter, typename Device, typename Mode>
class composite_device;

template <class Filter, class Device, class Mode>
requires vmio::device_over_memory<Device>
class composite_device<boost::reference_wrapper<Filter>, Device, Mode>;

}  // namespace iostreams::detail
}  // namespace boost
/// @endcond
