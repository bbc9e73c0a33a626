// SPDX-License-Identifier: BSL-1.0
/// A process's memory as a Boost.Iostreams device.
#pragma once

#include <boost/iostreams/categories.hpp>

#include <vmio/detail/process_vm_device_core.hpp>
#include <vmio/memory_device.hpp>

namespace vmio {

/// @cond
struct process_vm_source::category : input_seekable_device_tag,
                                     boost::iostreams::closable_tag,
                                     boost::iostreams::optimally_buffered_tag {};

struct process_vm_sink::category : output_seekable_device_tag,
                                   boost::iostreams::closable_tag,
                                   boost::iostreams::optimally_buffered_tag {};
/// @endcond

}  // namespace vmio
