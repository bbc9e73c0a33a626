// SPDX-License-Identifier: BSL-1.0
/// A process's memory as a std::iostream.
#pragma once

#include <cstddef>
#include <istream>
#include <ostream>

#include <vmio/memory_stream.hpp>
#include <vmio/process_vm_device.hpp>

namespace vmio {

/// basic_memory_stream over a process, which can be named by its id. Everything said there, on memory_streambuf and on
/// process_memory holds.
template <class Device, class Stream>
class basic_process_vm_stream : public basic_memory_stream<Device, Stream> {
    using base = basic_memory_stream<Device, Stream>;

public:
    using base::base;
    using base::default_buffer_size;
    /// Not open.
    basic_process_vm_stream() = default;
    /// As said of basic_memory_stream.
    basic_process_vm_stream(basic_process_vm_stream&& other) noexcept : base(std::move(other)) {}
    /// The same.
    basic_process_vm_stream& operator=(basic_process_vm_stream&&) noexcept = default;

    /// The whole address space: a position is an address. Errors as from process_vm_device.
    explicit basic_process_vm_stream(pid_t id, address start = 0, std::size_t buffer_size = default_buffer_size)
        : base(Device(id, start), buffer_size) {}
    /// A window of it, which begins at position 0.
    basic_process_vm_stream(pid_t id, const address_range& window, std::size_t buffer_size = default_buffer_size)
        : base(Device(id, window), buffer_size) {}

    using base::open;
    /// As the constructors; EBUSY if open already. Clears the state of the stream.
    void open(pid_t id, address start = 0, std::size_t buffer_size = default_buffer_size) {
        base::open(Device(id, start), buffer_size);
    }
    /// The same with a window.
    void open(pid_t id, const address_range& window, std::size_t buffer_size = default_buffer_size) {
        base::open(Device(id, window), buffer_size);
    }
};

/// The memory of a process, to read and write.
class process_vm_stream : public basic_process_vm_stream<process_vm_device, std::iostream> {
public:
    using basic_process_vm_stream::basic_process_vm_stream;
    /// As said of basic_memory_stream.
    /// @{
    process_vm_stream() = default;
    process_vm_stream(process_vm_stream&& other) noexcept : basic_process_vm_stream(std::move(other)) {}
    process_vm_stream& operator=(process_vm_stream&&) noexcept = default;
    /// @}
};

/// The same for reading only.
class process_vm_istream : public basic_process_vm_stream<process_vm_source, std::istream> {
public:
    using basic_process_vm_stream::basic_process_vm_stream;
    /// As said of basic_memory_stream.
    /// @{
    process_vm_istream() = default;
    process_vm_istream(process_vm_istream&& other) noexcept : basic_process_vm_stream(std::move(other)) {}
    process_vm_istream& operator=(process_vm_istream&&) noexcept = default;
    /// @}
};

/// The same for writing only.
class process_vm_ostream : public basic_process_vm_stream<process_vm_sink, std::ostream> {
public:
    using basic_process_vm_stream::basic_process_vm_stream;
    /// As said of basic_memory_stream.
    /// @{
    process_vm_ostream() = default;
    process_vm_ostream(process_vm_ostream&& other) noexcept : basic_process_vm_stream(std::move(other)) {}
    process_vm_ostream& operator=(process_vm_ostream&&) noexcept = default;
    /// @}
};

}  // namespace vmio
