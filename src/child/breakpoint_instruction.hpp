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
inline constexpr std::array<unsigned char, 1> breakpoint{0xcc};  // int3; the thread stops behind it
inline constexpr address advance = 1;
inline constexpr bool knows_breakpoints = true;
using registers = user_regs_struct;
inline address program_counter(const registers& r) noexcept {
    return r.rip;
}
inline void set_program_counter(registers& r, address to) noexcept {
    r.rip = to;
}
#elif defined __aarch64__
inline constexpr std::array<unsigned char, 4> breakpoint{0x00, 0x00, 0x20, 0xd4};  // brk #0; the thread stops at it
inline constexpr address advance = 0;
inline constexpr bool knows_breakpoints = true;
using registers = user_regs_struct;
inline address program_counter(const registers& r) noexcept {
    return r.pc;
}
inline void set_program_counter(registers& r, address to) noexcept {
    r.pc = to;
}
#else
inline constexpr std::array<unsigned char, 1> breakpoint{};
inline constexpr address advance = 0;
inline constexpr bool knows_breakpoints = false;
struct registers {};
inline address program_counter(const registers&) noexcept {
    return 0;
}
inline void set_program_counter(registers&, address) noexcept {}
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
