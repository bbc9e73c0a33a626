// SPDX-License-Identifier: BSL-1.0
/// The form of an ELF core file: elf(5), core(5). One of more than 65534 segments says how many in its only section.
///
///     ELF header | program headers | that section | notes | to the next page | the segments' bytes
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <link.h>

#include <vmio/address.hpp>
#include <vmio/core_progress.hpp>
#include <vmio/mapping.hpp>

#include "core/core_sink.hpp"
#include "process/process_info.hpp"

namespace vmio::detail {

/// What the headers and notes of a core file are made of.
struct core_image : process_info {
    std::vector<mapping> mappings;        // by address, in whole pages; NT_FILE names those whose name is a path
    std::vector<address_range> left_out;  // by address, without overlap: has no bytes in the file
};

/// Writes a core file of an image: headers and notes at once, then the memory, by address.
class core_writer {
public:
    /// Both must outlive it. Errors: memory_error with EOPNOTSUPP for registers of another word size than ours; those
    /// of the sink.
    core_writer(const core_image&, core_sink&, const core_progress&);

    /// The bytes at `where`, which lies above those of the calls before. Parts of segments that no call has are zero;
    /// bytes outside of segments are dropped.
    void put(address where, std::span<const std::byte> bytes);

    /// Writes the rest. Returns: the size of the file, in bytes.
    std::uint64_t finish();

private:
    core_sink& out_;
    const core_progress& progress_;
    std::vector<ElfW(Phdr)> segments_;
    std::size_t segment_ = 0;  // the first that can still get bytes
    std::uint64_t at_ = 0;     // where the sink is in the file
    std::uint64_t size_ = 0;
};

}  // namespace vmio::detail
