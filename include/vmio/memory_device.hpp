// SPDX-License-Identifier: BSL-1.0
/// A cursor over any memory, as a Boost.Iostreams device.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <system_error>
#include <type_traits>

#include <boost/iostreams/categories.hpp>
#include <boost/iostreams/positioning.hpp>

#include <vmio/detail/boost_composition.hpp>
#include <vmio/detail/boost_stream_buffer.hpp>
#include <vmio/detail/memory_device_core.hpp>

namespace vmio {

/// The mode of a device that seeks and reads only, for which Boost has no tag.
struct input_seekable_device_tag : virtual boost::iostreams::device_tag, boost::iostreams::input_seekable {};
/// The mode of a device that seeks and writes only.
struct output_seekable_device_tag : virtual boost::iostreams::device_tag, boost::iostreams::output_seekable {};

/// @cond
template <memory_reader M>
struct memory_device<M>::category
    : std::conditional_t<memory_writer<M>, boost::iostreams::seekable_device_tag, input_seekable_device_tag>,
      boost::iostreams::closable_tag,
      boost::iostreams::optimally_buffered_tag {};
/// @endcond

static_assert(sizeof(boost::iostreams::stream_offset) == sizeof(std::int64_t) &&
                  std::is_signed_v<boost::iostreams::stream_offset>,
              "memory_device::position_type is Boost's stream_offset");

}  // namespace vmio

/// @cond
namespace vmio::detail {

struct probe_memory {
    std::size_t read_some(address, std::span<std::byte>, std::error_code&) const noexcept;
};
using probe_device = memory_device<probe_memory>;

static_assert(std::is_base_of_v<boost_stream_buffer<probe_device, std::char_traits<char>>,
                                boost::iostreams::stream_buffer<probe_device>>,
              "Boost selects the buffer of a device in another way than by stream_buffer_traits");

}  // namespace vmio::detail
/// @endcond
