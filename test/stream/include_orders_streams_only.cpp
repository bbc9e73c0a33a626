// SPDX-License-Identifier: BSL-1.0
/// A file that includes our streams and Boost's, but no device: it can name the device and gets no other buffer for it.
#include <vmio/process_vm_stream.hpp>

#ifdef BOOST_IOSTREAMS_CATEGORIES_HPP_INCLUDED
#error "vmio/process_vm_stream.hpp includes Boost"
#endif

#include <boost/iostreams/stream.hpp>

#include <vmio/memory_stream.hpp>

#include "support/fake_memory.hpp"

namespace {

template <class T>
concept complete = requires {
    sizeof(T);
};

template <class Device>
using selected = boost::iostreams::detail::stream_buffer_traits<Device, std::char_traits<char>, std::allocator<char>,
                                                                boost::iostreams::seekable_device_tag>;

/// One with a category of its own.
struct derived : vmio::memory_device<test::fake_memory> {
    struct category : boost::iostreams::seekable_device_tag {};
};

static_assert(!complete<vmio::process_vm_device::category> && !complete<vmio::process_vm_source::category> &&
              !complete<vmio::memory_device<test::fake_memory>::category>);
static_assert(!complete<selected<vmio::process_vm_device>> && !complete<selected<derived>>);

}  // namespace
