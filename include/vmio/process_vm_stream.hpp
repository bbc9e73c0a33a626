// SPDX-License-Identifier: BSL-1.0
/// A process's memory as a std::iostream. Includes nothing of Boost; vmio/process_vm_device.hpp does.
#pragma once

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <istream>
#include <ostream>

#include <sys/types.h>

#include <vmio/detail/config.hpp>
#include <vmio/detail/process_vm_device_core.hpp>
#include <vmio/memory_stream.hpp>

namespace vmio {

/// A basic_memory_stream over a process, which can be named by its id. What is said there, on memory_streambuf and on
/// process_memory holds.
template <class Device, class Stream>
class basic_process_vm_stream : public basic_memory_stream<Device, Stream> {
    using base = basic_memory_stream<Device, Stream>;

public:
    using base::base;
    using base::default_buffer_size;
    /// Not open.
    basic_process_vm_stream();
    /// Moves: see basic_memory_stream.
    basic_process_vm_stream(basic_process_vm_stream&& other) noexcept;
    /// Moves: see basic_memory_stream.
    basic_process_vm_stream& operator=(basic_process_vm_stream&&) noexcept;
    /// Writes what is pending and closes: see basic_memory_stream.
    ~basic_process_vm_stream() override;

    /// The whole address space of process `id`: a position is an address.
    /// Errors: those of process_vm_device.
    explicit basic_process_vm_stream(pid_t id, address start = 0, std::size_t buffer_size = default_buffer_size);
    /// A window of it, which begins at position 0.
    basic_process_vm_stream(pid_t id, const address_range& window, std::size_t buffer_size = default_buffer_size);
    /// Two numbers in braces may be meant as a start and a size.
    template <std::same_as<int> T>
    basic_process_vm_stream(pid_t, std::initializer_list<T>) = delete;  // write address_range(start, end)

    using base::open;
    /// Opens as the constructors do, and clears the state of the stream.
    /// Errors: EBUSY if the stream is open already.
    void open(pid_t id, address start = 0, std::size_t buffer_size = default_buffer_size);
    /// Opens a window in the same way.
    void open(pid_t id, const address_range& window, std::size_t buffer_size = default_buffer_size);
    /// A std::ios::openmode is neither an address nor a buffer size; a pointer is not, either.
    template <class... Args>
    requires detail::mistaken<Args...>
    void open(Args&&...) = delete;  // write address_of(pointer), open_process("comm:NAME").id()
};

/// @cond
// The library holds their members.
extern template class VMIO_EXPORT memory_streambuf<process_vm_device>;
extern template class VMIO_EXPORT memory_streambuf<process_vm_source>;
extern template class VMIO_EXPORT memory_streambuf<process_vm_sink>;
extern template class VMIO_EXPORT basic_memory_stream<process_vm_device, std::iostream>;
extern template class VMIO_EXPORT basic_memory_stream<process_vm_source, std::istream>;
extern template class VMIO_EXPORT basic_memory_stream<process_vm_sink, std::ostream>;
extern template class VMIO_EXPORT basic_process_vm_stream<process_vm_device, std::iostream>;
extern template class VMIO_EXPORT basic_process_vm_stream<process_vm_source, std::istream>;
extern template class VMIO_EXPORT basic_process_vm_stream<process_vm_sink, std::ostream>;
/// @endcond

/// The memory of a process, to read and write.
class VMIO_EXPORT process_vm_stream : public basic_process_vm_stream<process_vm_device, std::iostream> {
public:
    using basic_process_vm_stream::basic_process_vm_stream;
    /// See basic_memory_stream.
    /// @{
    process_vm_stream();
    process_vm_stream(process_vm_stream&& other) noexcept;
    process_vm_stream& operator=(process_vm_stream&&) noexcept;
    ~process_vm_stream() override;
    friend void swap(process_vm_stream& a, process_vm_stream& b) noexcept { a.swap(b); }
    /// @}
};

/// The same for reading only.
class VMIO_EXPORT process_vm_istream : public basic_process_vm_stream<process_vm_source, std::istream> {
public:
    using basic_process_vm_stream::basic_process_vm_stream;
    /// See basic_memory_stream.
    /// @{
    process_vm_istream();
    process_vm_istream(process_vm_istream&& other) noexcept;
    process_vm_istream& operator=(process_vm_istream&&) noexcept;
    ~process_vm_istream() override;
    friend void swap(process_vm_istream& a, process_vm_istream& b) noexcept { a.swap(b); }
    /// @}
};

/// The same for writing only.
class VMIO_EXPORT process_vm_ostream : public basic_process_vm_stream<process_vm_sink, std::ostream> {
public:
    using basic_process_vm_stream::basic_process_vm_stream;
    /// See basic_memory_stream.
    /// @{
    process_vm_ostream();
    process_vm_ostream(process_vm_ostream&& other) noexcept;
    process_vm_ostream& operator=(process_vm_ostream&&) noexcept;
    ~process_vm_ostream() override;
    friend void swap(process_vm_ostream& a, process_vm_ostream& b) noexcept { a.swap(b); }
    /// @}
};

}  // namespace vmio
