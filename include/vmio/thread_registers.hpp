// SPDX-License-Identifier: BSL-1.0
/// The registers of a stopped thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

#include <sys/types.h>

namespace vmio {

/// One register set, in the form of PTRACE_GETREGSET (ptrace(2)) and of core files. The types are those of elf.h:
/// NT_PRSTATUS (the general registers, a user_regs_struct), NT_PRFPREG, NT_X86_XSTATE and others, by machine.
struct register_set {
    std::uint32_t type = 0;        ///< elf.h: NT_PRSTATUS and so on
    std::vector<std::byte> bytes;  ///< in the layout of the machine

    friend bool operator==(const register_set&, const register_set&) = default;  ///< member by member
};

/// One thread and its register sets.
struct thread_registers {
    pid_t id = 0;  ///< of the thread, not of the process
    /// The signal that ended the thread, or was about to be delivered; 0: none.
    int signal = 0;
    std::vector<register_set> sets;  ///< all, or those of the requested types

    /// Returns: the bytes of the set of this type; empty if there is none. Valid while `sets` is unchanged.
    std::span<const std::byte> bytes(std::uint32_t type) const noexcept {
        const auto set = std::find_if(sets.begin(), sets.end(), [type](const auto& s) { return s.type == type; });
        return set == sets.end() ? std::span<const std::byte>() : set->bytes;
    }

    /// Reads a set as a structure: thread.get<user_regs_struct>(NT_PRSTATUS).
    /// Returns: std::nullopt if there is no such set, or its size differs, as for a 32-bit program.
    template <class T>
    requires std::is_trivially_copyable_v<T> std::optional<T> get(std::uint32_t type)
    const noexcept {
        const std::span<const std::byte> from = bytes(type);
        if (from.size() != sizeof(T)) return std::nullopt;
        T value;
        std::memcpy(&value, from.data(), sizeof value);
        return value;
    }

    friend bool operator==(const thread_registers&, const thread_registers&) = default;  ///< member by member
};

}  // namespace vmio
