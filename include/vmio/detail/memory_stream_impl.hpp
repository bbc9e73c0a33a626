// SPDX-License-Identifier: BSL-1.0
/// The members of vmio/memory_stream.hpp; include that. They are not inline, so that the library can contain those of
/// the streams over a process.
#pragma once

#include <cstddef>
#include <utility>

namespace vmio {

template <class Device, class Stream>
basic_memory_stream<Device, Stream>::basic_memory_stream() : Stream(nullptr) {
    this->init(&buffer_);
    buffer_.set_owner(this);
}

template <class Device, class Stream>
basic_memory_stream<Device, Stream>::basic_memory_stream(basic_memory_stream&& other) noexcept
    : Stream(std::move(other)), buffer_(std::move(other.buffer_)), state_(*this) {
    this->set_rdbuf(&buffer_);
    buffer_.set_owner(this);
}

template <class Device, class Stream>
auto basic_memory_stream<Device, Stream>::operator=(basic_memory_stream&& other) noexcept -> basic_memory_stream& {
    Stream::operator=(std::move(other));
    buffer_ = std::move(other.buffer_);  // NOLINT(bugprone-use-after-move): the base moves its own part alone
    return *this;
}

template <class Device, class Stream>
basic_memory_stream<Device, Stream>::~basic_memory_stream() = default;

// Nothing that may throw comes before the default constructor, which initializes std::ios: it must not be destroyed
// before ([ios.base.cons]).

template <class Device, class Stream>
basic_memory_stream<Device, Stream>::basic_memory_stream(Device device, std::size_t buffer_size)
    : basic_memory_stream() {
    open(std::move(device), buffer_size);
}

template <class Device, class Stream>
basic_memory_stream<Device, Stream>::basic_memory_stream(memory_type memory, address start, std::size_t buffer_size)
    : basic_memory_stream() {
    open(std::move(memory), start, buffer_size);
}

template <class Device, class Stream>
basic_memory_stream<Device, Stream>::basic_memory_stream(memory_type memory, const address_range& window,
                                                         std::size_t buffer_size)
    : basic_memory_stream() {
    open(std::move(memory), window, buffer_size);
}

template <class Device, class Stream>
void basic_memory_stream<Device, Stream>::open(Device device, std::size_t buffer_size) {
    buffer_.attach(std::move(device), buffer_size);
    this->clear();
}

template <class Device, class Stream>
void basic_memory_stream<Device, Stream>::open(memory_type memory, address start, std::size_t buffer_size) {
    open(Device(std::move(memory), start), buffer_size);
}

template <class Device, class Stream>
void basic_memory_stream<Device, Stream>::open(memory_type memory, const address_range& window,
                                               std::size_t buffer_size) {
    open(Device(std::move(memory), window), buffer_size);
}

template <class Device, class Stream>
void basic_memory_stream<Device, Stream>::close() {
    try {
        buffer_.detach();
    } catch (const memory_error& unwritten) {
        buffer_.raise(unwritten);
    }
}

template <class Device, class Stream>
void basic_memory_stream<Device, Stream>::swap(basic_memory_stream& other) noexcept {
    Stream::swap(other);
    buffer_.swap(other.buffer_);
}

}  // namespace vmio
