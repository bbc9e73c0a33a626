// SPDX-License-Identifier: BSL-1.0
/// The registers of a thread that stands still.
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

/// As PTRACE_GETREGSET of ptrace(2) gives it and core files hold it: elf.h, NT_PRSTATUS (the general registers, a
/// user_regs_struct), NT_PRFPREG, NT_X86_XSTATE and others, each machine its own.
struct register_set {
    std::uint32_t type = 0;        ///< elf.h: NT_PRSTATUS and so on
    std::vector<std::byte> bytes;  ///< in the machine's own layout

    friend bool operator==(const register_set&, const register_set&) = default;  ///< member by member
};

/// One thread: who, and its register sets.
struct thread_registers {
    pid_t id = 0;  ///< the thread's own, not the process's
    /// The signal that ended the thread or was about to be delivered; 0 for none.
    int signal = 0;
    std::vector<register_set> sets;  ///< all, or those that were asked for

    /// Empty if there is no such set.
    std::span<const std::byte> bytes(std::uint32_t type) const noexcept {
        const auto set = std::find_if(sets.begin(), sets.end(), [type](const auto& s) { return s.type == type; });
        return set == sets.end() ? std::span<const std::byte>() : set->bytes;
    }

    /// thread.get<user_regs_struct>(NT_PRSTATUS); nothing if there is no such set, or it has another size: a 32-bit
    /// program's, say.
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
