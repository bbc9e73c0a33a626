// SPDX-License-Identifier: BSL-1.0
/// Writing an ELF core file: elf(5), core(5). A file of more than 65534 segments has their number in its only section.
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

/// The data for the headers and notes of a core file.
struct core_image : process_info {
    std::vector<mapping> mappings;        // by address, in whole pages; NT_FILE lists those whose name is a path
    std::vector<address_range> left_out;  // by address, without overlap: no bytes in the file
};

/// Writes a core file of an image: headers and notes at once, then the memory, by address.
class core_writer {
public:
    /// Writes the headers and notes. The sink and the progress function must outlive the writer. Errors: memory_error
    /// with EOPNOTSUPP for registers of a program whose word size differs from this one's; those of the sink.
    core_writer(const core_image&, core_sink&, const core_progress&);

    /// Writes the bytes at `where`. Precondition: they lie above those of all earlier calls. Parts of segments that are
    /// never written are zero; bytes outside of segments are dropped.
    void put(address where, std::span<const std::byte> bytes);

    /// Writes the remaining zeros. Returns: the size of the file, in bytes.
    std::uint64_t finish();

private:
    core_sink& out_;
    const core_progress& progress_;
    std::vector<ElfW(Phdr)> segments_;
    std::size_t segment_ = 0;  // the first that can still receive bytes
    std::uint64_t at_ = 0;     // position of the sink in the file
    std::uint64_t size_ = 0;
};

}  // namespace vmio::detail
