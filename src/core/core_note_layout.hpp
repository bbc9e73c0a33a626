// SPDX-License-Identifier: BSL-1.0
/// The layout of NT_PRSTATUS and NT_PRPSINFO: struct elf_prstatus and elf_prpsinfo of sys/procfs.h, also for programs
/// of the other word size, which that header does not support on every machine.
#pragma once

#include <cstddef>

namespace vmio::detail {

/// Offsets in NT_PRSTATUS. The size of the registers depends on the machine: it is the rest of the note.
struct core_note_layout {
    /// `alignment`: of the registers; 8 also in some programs with 4-byte words, 2 where words have no more (m68k).
    constexpr core_note_layout(unsigned word_size, unsigned alignment) noexcept
        : thread_id((alignment < 4 ? 14 : 16) + std::size_t{2} * word_size),    // after the signal and two masks
          registers(thread_id + 4 * sizeof(int) + std::size_t{8} * word_size),  // after four ids and four times
          after_registers(alignment < 4 ? 4 : alignment) {}

    static constexpr std::size_t signal = 12;
    std::size_t thread_id;
    std::size_t registers;
    std::size_t after_registers;  // size of a flag and of padding to the alignment
};

/// Offsets in NT_PRPSINFO, from its end: the offsets from its start depend on the size of user IDs, which varies.
namespace process_note {

constexpr std::size_t arguments_size = 80;
constexpr std::size_t name_size = 16;
constexpr std::size_t from_end_of_name = arguments_size + name_size;
constexpr std::size_t from_end_of_id = from_end_of_name + 4 * sizeof(int);  // followed by parent, group and session

}  // namespace process_note
}  // namespace vmio::detail
