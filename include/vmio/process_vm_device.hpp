// SPDX-License-Identifier: BSL-1.0
/// A process's memory as a Boost.Iostreams device.
#pragma once

#include <vmio/detail/boost_composition.hpp>
#include <vmio/detail/boost_stream_buffer.hpp>
#include <vmio/memory_device.hpp>
#include <vmio/process_memory.hpp>

namespace vmio {

/// memory_device over a process, which can be named by its id. Everything said there and on process_memory holds.
class process_vm_device : public memory_device<process_memory> {
    using base = memory_device<process_memory>;

public:
    using base::base;
    /// Not open.
    process_vm_device() = default;

    /// The whole address space of process `id`, standing at `start`, which is not looked at. memory_error as from
    /// process and process_memory: EINVAL, ESRCH and EPERM tell apart no such id, no such process and no permission.
    explicit process_vm_device(pid_t id, address start = 0) : base(process_memory(process(id)), start) {}
    /// A window of it: position 0 is window.start(), the end is its size.
    process_vm_device(pid_t id, const address_range& window) : base(process_memory(process(id)), window) {}

    using base::open;
    /// As the constructors; EBUSY if the device is open already.
    void open(pid_t id, address start = 0) { open_as(process_vm_device(id, start)); }
    /// The same with a window.
    void open(pid_t id, const address_range& window) { open_as(process_vm_device(id, window)); }
};

/// The same for reading only, without what writes: composes with input filters.
class process_vm_source : private process_vm_device {
public:
    using process_vm_device::char_type;
    using process_vm_device::memory_type;
    struct category : input_seekable_device_tag,
                      boost::iostreams::closable_tag,
                      boost::iostreams::optimally_buffered_tag {};

    using process_vm_device::process_vm_device;
    process_vm_source() = default;

    using process_vm_device::close;
    using process_vm_device::is_open;
    using process_vm_device::memory;
    using process_vm_device::move_back;
    using process_vm_device::open;
    using process_vm_device::optimal_buffer_size;
    using process_vm_device::position;
    using process_vm_device::read;
    using process_vm_device::read_some;
    using process_vm_device::read_up_to;
    using process_vm_device::seek;
    using process_vm_device::try_seek;
};

/// The same for writing only, without what reads: composes with output filters.
class process_vm_sink : private process_vm_device {
public:
    using process_vm_device::char_type;
    using process_vm_device::memory_type;
    struct category : output_seekable_device_tag,
                      boost::iostreams::closable_tag,
                      boost::iostreams::optimally_buffered_tag {};

    using process_vm_device::process_vm_device;
    process_vm_sink() = default;

    using process_vm_device::close;
    using process_vm_device::is_open;
    using process_vm_device::memory;
    using process_vm_device::move_back;
    using process_vm_device::open;
    using process_vm_device::optimal_buffer_size;
    using process_vm_device::position;
    using process_vm_device::seek;
    using process_vm_device::try_seek;
    using process_vm_device::write;
    using process_vm_device::write_up_to;
};

}  // namespace vmio
