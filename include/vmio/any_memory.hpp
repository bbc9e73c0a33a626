// SPDX-License-Identifier: BSL-1.0
/// A memory of any kind.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/types.h>

#include <vmio/address.hpp>
#include <vmio/detail/config.hpp>
#include <vmio/detail/erased_memory.hpp>
#include <vmio/detail/read_all.hpp>
#include <vmio/detail/read_values.hpp>
#include <vmio/memory.hpp>
#include <vmio/memory_gap.hpp>
#include <vmio/memory_map.hpp>

namespace vmio {

/// A memory whose type is erased: a process, a captured process, a core file, a cache, a memory of the program's own.
/// It is a memory_reader and a memory_writer, so that devices, streams, caches, searches and block scans accept it.
///
/// Copies are cheap and share the memory. Thread-safe if the memory's own read_some() and write_some() are; those of
/// this library are. A moved-from any_memory can only be assigned to and destroyed.
///
/// Cost: one virtual call for each call.
class VMIO_EXPORT any_memory {
public:
    /// Holds `memory`. `name` is for messages; if it is empty: memory.name() where there is one, else the process or
    /// the operation that memory names.
    template <memory_reader M>
    requires(!std::same_as<M, any_memory>) any_memory(M memory, std::string name = {})
        : held_(std::make_shared<detail::held_memory<M>>(std::move(memory), std::move(name))) {}

    /// See memory_reader.
    std::size_t read_some(address where, std::span<std::byte> to, std::error_code& ec) const noexcept {
        return held_->read_some(where, to, ec);
    }
    /// See memory_writer. Errors: EROFS if the memory is no memory_writer.
    std::size_t write_some(address where, std::span<const std::byte> from, std::error_code& ec) const noexcept {
        return held_->write_some(where, from, ec);
    }
    /// Whether the memory is a memory_writer; a page of it may still refuse to be written.
    bool writable() const noexcept { return held_->writable(); }

    /// Reads all bytes, or one value.
    /// Errors: memory_error, whose where() is the first byte that was not read.
    /// @{
    void read(address from, std::span<std::byte> to) const;
    template <class T>
    T read_value(address from) const {
        return detail::read_value<T>(*this, from);
    }
    /// @}
    /// Reads trivially copyable values: see process_memory::read_values().
    /// @{
    template <detail::readable_value T>
    void read_values(address from, std::span<T> to) const {
        read(from, std::as_writable_bytes(to));
    }
    template <detail::readable_value T, std::size_t Size>
    void read_values(address from, std::span<T, Size> to) const {
        read(from, std::as_writable_bytes(to));
    }
    template <detail::readable_value T>
    std::vector<T> read_values(address from, std::size_t count) const {
        return detail::read_values<T>(*this, from, count);
    }
    /// @}
    /// Writes all bytes.
    /// Errors: memory_error, whose where() is the first byte that was not written.
    void write(address to, std::span<const std::byte> from) const;

    /// Returns: what can be read, sorted, adjacent ranges joined. Of a process: its mappings of this moment that may be
    /// read, except devices. For a memory that does not know: its window(), if it has one, else nothing.
    std::vector<address_range> ranges() const { return held_->ranges(); }
    /// Returns: the parts of ranges() that may hold anything but zeros, sorted: of a snapshot and of a core file, what
    /// is stored; of other memories all of ranges().
    std::vector<address_range> stored() const { return held_->stored(); }
    /// Returns: what is mapped and cannot be read, sorted; empty for a memory that does not know.
    std::vector<memory_gap> gaps() const { return held_->gaps(); }

    /// Returns: the mappings of the program: of a process at this moment, of a captured process, of a core file (see
    /// core_memory::mappings()), of a Linux process behind a debugging server. Empty for a memory that does not know.
    memory_map map() const { return held_->map(); }

    /// Returns: the name for messages.
    const std::string& name() const noexcept { return held_->name; }
    /// Returns: the size of a pointer of the program in bytes, 4 or 8; that of this program where it is not known.
    unsigned word_size() const noexcept { return held_->word_size; }
    /// Returns: the byte order of the program's values.
    std::endian byte_order() const noexcept { return held_->byte_order; }

    /// Returns: the same memory with the same addresses, of which nothing outside of `window` and of this window() can
    /// be read or written (EFAULT).
    any_memory within(const address_range& window) const;
    /// Returns: the window; all addresses if there is none.
    const address_range& window() const noexcept { return held_->window; }

    /// For errors: the values of the memory, see naming.
    /// @{
    pid_t process_id() const noexcept { return held_->process_id(); }
    const char* read_operation() const noexcept { return held_->read_operation(); }
    const char* write_operation() const noexcept { return held_->write_operation(); }
    /// @}

    /// Returns: the memory if it is an M, else null; for what only one kind can do. It has no window(), and lives as
    /// long as a copy of this object.
    template <memory_reader M>
    const M* as() const noexcept {
        return static_cast<const M*>(held_->get(typeid(M)));
    }

private:
    explicit any_memory(std::shared_ptr<const detail::erased_memory> held) noexcept : held_(std::move(held)) {}

    std::shared_ptr<const detail::erased_memory> held_;
};

static_assert(memory_reader<const any_memory> && memory_writer<const any_memory>);

}  // namespace vmio
