// SPDX-License-Identifier: BSL-1.0
/// The form of an ELF core file: elf(5), core(5). One of more than 65534 segments says how many in its only section.
///
///     ELF header | program headers | that section | notes | to the next page | the segments' bytes
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include <vmio/address.hpp>
#include <vmio/mapping.hpp>
#include <vmio/write_core.hpp>

#include "core/core_sink.hpp"
#include "process/process_info.hpp"

namespace vmio::detail {

/// Takes bytes of the process, by address. Ranges need not touch; what is left out between them is zero.
using core_sink = std::function<void(address where, std::span<const std::byte> bytes)>;

/// What a core file is made of; whose word size is not ours has no threads here.
struct core_image : process_info {
    std::vector<mapping> mappings;        // by address, in whole pages; NT_FILE names those whose name is a path
    std::vector<address_range> left_out;  // by address, without overlap: has no bytes in the file
    std::function<void(const core_sink&)> read;
};

/// Returns the size of the file. memory_error with EOPNOTSUPP for registers of another word size than ours.
std::uint64_t write_core(const core_image&, core_output&, const core_progress&);

}  // namespace vmio::detail
