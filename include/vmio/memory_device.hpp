// SPDX-License-Identifier: BSL-1.0
/// A cursor over any memory, as a Boost.Iostreams device.
#pragma once

#include <cerrno>
#include <ios>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

#include <boost/iostreams/categories.hpp>
#include <boost/iostreams/positioning.hpp>

#include <vmio/detail/cursor.hpp>
#include <vmio/error.hpp>
#include <vmio/memory.hpp>

namespace vmio {

/// A device that seeks and reads only: Boost has no tag for it.
struct input_seekable_device_tag : virtual boost::iostreams::device_tag, boost::iostreams::input_seekable {};
/// The same for one that writes only.
struct output_seekable_device_tag : virtual boost::iostreams::device_tag, boost::iostreams::output_seekable {};

/// Seekable, closable, optimally buffered; for a memory that cannot be written, input only. A copy of a device copies
/// the memory `M` (which should be a cheap handle) and has its own position. Not thread-safe; copies are independent.
///
/// Over the whole address space a position **is** an address, and an address of 2^63 or more cannot be sought, since it
/// does not fit a stream offset. Over a window a position is an offset from its start.
///
/// Errors are memory_error and leave the position as it was. On a device that is not open: EBADF.
template <memory_reader M>
class memory_device {
public:
    using char_type = char;  ///< a byte, as Boost has it
    using memory_type = M;   ///< what the device stands in

    /// What Boost asks: the mode, and that there is close() and optimal_buffer_size().
    struct category
        : std::conditional_t<memory_writer<M>, boost::iostreams::seekable_device_tag, input_seekable_device_tag>,
          boost::iostreams::closable_tag,
          boost::iostreams::optimally_buffered_tag {};

    /// Not open.
    memory_device() = default;

    /// The whole address space, standing at `start`.
    explicit memory_device(M memory, address start = 0) : memory_(std::move(memory)), cursor_(start) {}

    /// A window: position 0 is window.start(), the end is its size.
    memory_device(M memory, const address_range& window) : memory_(std::move(memory)), cursor_(window) {}

    /// As the constructors; EBUSY if the device is open already.
    template <class... Args>
    requires std::is_constructible_v<memory_device, M, Args...>
    void open(M memory, Args&&... args) { open_as(memory_device(std::move(memory), std::forward<Args>(args)...)); }

    /// Whether it has a memory: from open() to close(), whatever becomes of the process.
    bool is_open() const noexcept { return memory_.has_value(); }

    /// Does nothing if not open. Throws what an earlier write threw, if nothing has been written or sought since.
    void close() {
        memory_.reset();
        throw_failed_write();
    }

    /// Reads until `n` bytes are there, or up to where the memory ends: a hole, the end of the window, the top. If that
    /// is here already: memory_error at a hole, -1 at an end. -1 for an `n` of 0; EINVAL for less.
    std::streamsize read(char* s, std::streamsize n) {
        require(n);
        if (n == 0) return -1;
        std::error_code ec;
        const std::size_t done = read_up_to(std::as_writable_bytes(std::span(s, static_cast<std::size_t>(n))), ec);
        if (done > 0) return static_cast<std::streamsize>(done);
        if (ec) fail(naming::read_operation(*memory_), cursor_.where(), ec);
        return -1;
    }

    /// Writes all of it and returns `n`, or throws memory_error with the position back where it was; what lies before
    /// where() has been written then. ENOSPC at an end. A failure is kept and thrown once more by the next seek() or
    /// close(), unless a write succeeds before: boost::iostreams::stream swallows it the first time.
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
            memory_error(naming::write_operation(*memory_), naming::process_id(*memory_), cursor_.where(), ec);
        cursor_ = before;
        throw memory_error(*failed_write_.error);
    }

    /// The new position. Beyond the end of a window is its end. EINVAL: before the start; EOVERFLOW: a place that a
    /// stream offset cannot name, such as the end of the whole address space.
    std::streampos seek(boost::iostreams::stream_offset off, std::ios_base::seekdir way) {
        require(0);
        throw_failed_write();
        std::error_code ec;
        if (!try_seek(off, way, ec)) fail("seek", cursor_.where(), ec);
        return static_cast<std::streamoff>(cursor_.offset());
    }

    /// 64 KiB: sixteen pages are what the kernel pins in one call without memory of its own for the list of them.
    std::streamsize optimal_buffer_size() const noexcept { return std::streamsize{1} << 16; }

    /// Only while open.
    const M& memory() const noexcept { return *memory_; }
    /// Where it stands; of no meaning while not open.
    const cursor& position() const noexcept { return cursor_; }

    // What buffers are built on: no exceptions, no conventions of Boost's. Only while open.

    /// One try at the position, which moves by what is returned. No error and 0: the end.
    std::size_t read_some(std::span<std::byte> to, std::error_code& ec) noexcept {
        ec.clear();
        to = to.first(static_cast<std::size_t>(cursor_.clip(to.size())));
        if (to.empty()) return 0;
        const std::size_t done = memory_->read_some(cursor_.where(), to, ec);
        cursor_.advance(done);
        return done;
    }

    /// Goes on until `to` is full, something fails (ec), or the end (no ec).
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

    /// Goes on until all of `from` is written, something fails (ec), or the end (no ec).
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

    /// cursor::seek(). False, with ec and nothing changed, if that is refused.
    bool try_seek(std::int64_t off, std::ios_base::seekdir way, std::error_code& ec) noexcept {
        ec = {cursor_.seek(off, way), std::system_category()};
        return !ec;
    }

    /// By no more than it has moved forward.
    void move_back(std::uint64_t by) noexcept { (void)cursor_.retreat(by); }

protected:
    /// What open() is made of: EBUSY, or this becomes `other`.
    void open_as(memory_device&& other) {
        if (is_open()) fail("open", 0, {EBUSY, std::system_category()});
        *this = std::move(other);
    }

private:
    [[noreturn]] void fail(const char* operation, address where, std::error_code ec) const {
        throw memory_error(operation, memory_ ? naming::process_id(*memory_) : 0, where, ec);
    }

    void require(std::streamsize n) const {
        if (!is_open()) fail("use", 0, {EBADF, std::system_category()});
        if (n < 0) fail("transfer", cursor_.where(), {EINVAL, std::system_category()});
    }

    void throw_failed_write() {
        if (const auto failed = std::exchange(failed_write_.error, std::nullopt)) throw memory_error(*failed);
    }

    /// What a device still has to tell is not for its copies to tell.
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

/// memory_device, and what is made of it.
template <class D>
concept device_over_memory = requires(const D& d) {
    typename D::memory_type;
    d.memory();
    d.position();
};

}  // namespace vmio
