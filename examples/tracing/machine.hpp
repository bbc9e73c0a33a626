// SPDX-License-Identifier: BSL-1.0
/// What a debugger must know of the machine: its breakpoint instruction, and how a function is called.
#pragma once

#include <array>
#include <cstdint>

#include <elf.h>
#include <sys/types.h>
#include <sys/user.h>

#include <vmio/process_memory.hpp>

namespace machine {

using registers = user_regs_struct;

#if defined(__x86_64__)
constexpr bool known = true;
constexpr unsigned elf_machine = EM_X86_64;
constexpr std::array<unsigned char, 1> trap{0xcc};  // int3
constexpr std::uint64_t trap_advance = 1;           // the program counter is behind it then

inline auto& program_counter(registers& r) {
    return r.rip;
}
inline std::array<std::uint64_t, 6> arguments(const registers& r) {
    return {r.rdi, r.rsi, r.rdx, r.rcx, r.r8, r.r9};
}
/// At the first instruction of a function.
inline vmio::address caller(const registers& r, const vmio::process_memory& memory) {
    return memory.read_value<std::uint64_t>(r.rsp);
}
#elif defined(__aarch64__)
constexpr bool known = true;
constexpr unsigned elf_machine = EM_AARCH64;
constexpr std::array<unsigned char, 4> trap{0x00, 0x00, 0x20, 0xd4};  // brk #0
constexpr std::uint64_t trap_advance = 0;

inline auto& program_counter(registers& r) {
    return r.pc;
}
inline std::array<std::uint64_t, 6> arguments(const registers& r) {
    return {r.regs[0], r.regs[1], r.regs[2], r.regs[3], r.regs[4], r.regs[5]};
}
inline vmio::address caller(const registers& r, const vmio::process_memory&) {
    return r.regs[30];
}
#else
constexpr bool known = false;
constexpr unsigned elf_machine = EM_NONE;
constexpr std::array<unsigned char, 1> trap{};
constexpr std::uint64_t trap_advance = 0;

inline std::uint64_t& program_counter(registers&) {
    static std::uint64_t none = 0;
    return none;
}
inline std::array<std::uint64_t, 6> arguments(const registers&) {
    return {};
}
inline vmio::address caller(const registers&, const vmio::process_memory&) {
    return 0;
}
#endif

}  // namespace machine
