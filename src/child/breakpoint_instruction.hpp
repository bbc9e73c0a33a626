// SPDX-License-Identifier: BSL-1.0
/// The instruction of a breakpoint, and the place of a thread that has met it, by machine.
#pragma once

#include <array>

#include <elf.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/user.h>

#include <vmio/address.hpp>

namespace vmio::detail {

#if defined __x86_64__
constexpr std::array<unsigned char, 1> breakpoint{0xcc};  // int3; the thread stops behind it
constexpr address advance = 1;
using registers = user_regs_struct;
inline auto& program_counter(registers& r) noexcept {
    return r.rip;
}
#elif defined __aarch64__
constexpr std::array<unsigned char, 4> breakpoint{0x00, 0x00, 0x20, 0xd4};  // brk #0; the thread stops at it
constexpr address advance = 0;
using registers = user_regs_struct;
inline auto& program_counter(registers& r) noexcept {
    return r.pc;
}
#else
constexpr std::array<unsigned char, 1> breakpoint{};
constexpr address advance = 0;
struct registers {};
inline address& program_counter(registers&) noexcept {
    static address none;
    return none;
}
#endif

/// Of a stopped thread.
inline bool registers_of(pid_t thread, registers& r) noexcept {
    iovec all{&r, sizeof r};
    return ::ptrace(PTRACE_GETREGSET, thread, NT_PRSTATUS, &all) == 0;
}
inline bool set_registers(pid_t thread, registers& r) noexcept {
    iovec all{&r, sizeof r};
    return ::ptrace(PTRACE_SETREGSET, thread, NT_PRSTATUS, &all) == 0;
}

}  // namespace vmio::detail
