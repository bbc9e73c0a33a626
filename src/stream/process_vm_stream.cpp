// SPDX-License-Identifier: BSL-1.0
#include <vmio/process_vm_stream.hpp>

#include <utility>

namespace vmio {

template <class Device, class Stream>
basic_process_vm_stream<Device, Stream>::basic_process_vm_stream() = default;

template <class Device, class Stream>
basic_process_vm_stream<Device, Stream>::basic_process_vm_stream(basic_process_vm_stream&& other) noexcept
    : base(std::move(other)) {}

template <class Device, class Stream>
auto basic_process_vm_stream<Device, Stream>::operator=(basic_process_vm_stream&&) noexcept
    -> basic_process_vm_stream& = default;

template <class Device, class Stream>
basic_process_vm_stream<Device, Stream>::~basic_process_vm_stream() = default;

// The process is opened once std::ios is initialized: if that throws before, std::ios must not be destroyed
// ([ios.base.cons]). These constructors must not delegate: where they are inherited, clang 14 would not construct the
// virtual base.

template <class Device, class Stream>
basic_process_vm_stream<Device, Stream>::basic_process_vm_stream(pid_t id, address start, std::size_t buffer_size)
    : base() {
    open(id, start, buffer_size);
}

template <class Device, class Stream>
basic_process_vm_stream<Device, Stream>::basic_process_vm_stream(pid_t id, const address_range& window,
                                                                 std::size_t buffer_size)
    : base() {
    open(id, window, buffer_size);
}

template <class Device, class Stream>
void basic_process_vm_stream<Device, Stream>::open(pid_t id, address start, std::size_t buffer_size) {
    base::open(Device(id, start), buffer_size);
}

template <class Device, class Stream>
void basic_process_vm_stream<Device, Stream>::open(pid_t id, const address_range& window, std::size_t buffer_size) {
    base::open(Device(id, window), buffer_size);
}

template class memory_streambuf<process_vm_device>;
template class memory_streambuf<process_vm_source>;
template class memory_streambuf<process_vm_sink>;
template class basic_memory_stream<process_vm_device, std::iostream>;
template class basic_memory_stream<process_vm_source, std::istream>;
template class basic_memory_stream<process_vm_sink, std::ostream>;
template class basic_process_vm_stream<process_vm_device, std::iostream>;
template class basic_process_vm_stream<process_vm_source, std::istream>;
template class basic_process_vm_stream<process_vm_sink, std::ostream>;

// The destructors are what makes the compiler put the tables of virtual functions here.

process_vm_stream::process_vm_stream() = default;
process_vm_stream::process_vm_stream(process_vm_stream&& other) noexcept : basic_process_vm_stream(std::move(other)) {}
process_vm_stream& process_vm_stream::operator=(process_vm_stream&&) noexcept = default;
process_vm_stream::~process_vm_stream() = default;

process_vm_istream::process_vm_istream() = default;
process_vm_istream::process_vm_istream(process_vm_istream&& other) noexcept
    : basic_process_vm_stream(std::move(other)) {}
process_vm_istream& process_vm_istream::operator=(process_vm_istream&&) noexcept = default;
process_vm_istream::~process_vm_istream() = default;

process_vm_ostream::process_vm_ostream() = default;
process_vm_ostream::process_vm_ostream(process_vm_ostream&& other) noexcept
    : basic_process_vm_stream(std::move(other)) {}
process_vm_ostream& process_vm_ostream::operator=(process_vm_ostream&&) noexcept = default;
process_vm_ostream::~process_vm_ostream() = default;

}  // namespace vmio
