// SPDX-License-Identifier: BSL-1.0
/// process_vm_device, process_vm_source and process_vm_sink without the parts that depend on Boost; include
/// vmio/process_vm_device.hpp.
#pragma once

#include <concepts>
#include <initializer_list>

#include <sys/types.h>

#include <vmio/detail/ios_flags.hpp>
#include <vmio/detail/memory_device_core.hpp>
#include <vmio/process.hpp>
#include <vmio/process_memory.hpp>

namespace vmio {

/// A memory_device over a process, which can be named by its id. The documentation of memory_device and process_memory
/// applies.
class VMIO_EXPORT process_vm_device : public memory_device<process_memory> {
    using base = memory_device<process_memory>;

public:
    using base::base;
    /// Not open.
    process_vm_device() = default;

    /// The whole address space of process `id`; the position is `start`, which is not checked.
    /// Errors: those of process and process_memory: EINVAL (no such id), ESRCH (no such process), EPERM or EACCES (no
    /// permission).
    explicit process_vm_device(pid_t id, address start = 0) : base(process_memory(process(id)), start) {}
    /// A window of it: position 0 is window.start(), the end is its size.
    process_vm_device(pid_t id, const address_range& window) : base(process_memory(process(id)), window) {}
    /// Two numbers in braces may be meant as a start and a size.
    template <std::same_as<int> T>
    process_vm_device(pid_t, std::initializer_list<T>) = delete;  // write address_range(start, end)

    using base::open;
    /// Opens as the constructors do.
    /// Errors: EBUSY if the device is open already.
    void open(pid_t id, address start = 0) { open_as(process_vm_device(id, start)); }
    /// Opens a window as the constructor does.
    void open(pid_t id, const address_range& window) { open_as(process_vm_device(id, window)); }
    /// A std::ios::openmode is neither an address nor a range; a pointer is not, either.
    template <class... Args>
    requires detail::mistaken<Args...>
    void open(Args&&...) = delete;  // write address_of(pointer), open_process("comm:NAME").id()
};

/// The same for reading only, without the members that write: composes with input filters.
class VMIO_EXPORT process_vm_source : private process_vm_device {
public:
    using process_vm_device::char_type;
    using process_vm_device::memory_type;
    using process_vm_device::position_type;
    struct category;  ///< defined in vmio/process_vm_device.hpp

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

/// The same for writing only, without the members that read: composes with output filters.
class VMIO_EXPORT process_vm_sink : private process_vm_device {
public:
    using process_vm_device::char_type;
    using process_vm_device::memory_type;
    using process_vm_device::position_type;
    struct category;  ///< defined in vmio/process_vm_device.hpp

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

static_assert(buffered_memory_device<process_vm_device> && buffered_memory_device<process_vm_source> &&
              buffered_memory_device<process_vm_sink>);

}  // namespace vmio
