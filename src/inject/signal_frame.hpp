// SPDX-License-Identifier: BSL-1.0
/// Signal frames, from which a thread restores itself by rt_sigreturn(2): what depends on the machine in making a
/// system call in another process.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include <sys/types.h>
#include <sys/user.h>

#include <vmio/address.hpp>

#if (defined(__x86_64__) && !defined(__ILP32__)) || defined(__aarch64__)
#define VMIO_HAS_SIGNAL_FRAMES 1
#endif

namespace vmio::detail {

/// A system call to be made in a target.
struct remote_call {
    long number = -1;  ///< SYS_...
    std::array<std::uint64_t, 6> arguments{};
};

/// Addresses of instructions that a target has in some executable mapping. All are 0 where unused.
struct call_instructions {
    address call = 0;         ///< makes a system call, then returns
    address sigreturn = 0;    ///< calls rt_sigreturn(2), whatever the registers are
    address load_number = 0;  ///< x86-64, in place of `sigreturn`: pops the number of a system call, then returns
};

#ifdef VMIO_HAS_SIGNAL_FRAMES

/// Looks for the instructions that are still missing. `start`: the address of `code` in the target.
/// Returns: whether all that is needed has been found.
bool find_call_instructions(std::span<const std::byte> code, address start, call_instructions& found);

/// The longest sequence that find_call_instructions() looks for, in bytes.
constexpr std::size_t longest_instructions = 16;

/// The state of a stopped thread.
struct thread_context {
    user_regs_struct registers{};
    std::vector<std::byte> vectors;  ///< as signal frames have them
    std::vector<std::byte> saved;    ///< what a system call does not preserve, as ptrace(2) has it; may be empty
    std::uint64_t signal_mask = 0;
};

/// Reads the state of a thread. Precondition: it is stopped, and traced by the calling thread.
/// `obstacle`: why no call can be made in this thread, in words; empty if one can.
std::error_code read_context(pid_t thread, thread_context& to, std::string& obstacle);

/// Sets the registers of a stopped thread back to what read_context() has read.
std::error_code write_context(pid_t thread, const thread_context& from) noexcept;

std::error_code get_registers(pid_t thread, user_regs_struct& to) noexcept;
std::error_code set_registers(pid_t thread, const user_regs_struct& from) noexcept;

/// The addresses of the next instruction, and of the top of the stack.
/// @{
address instruction_of(const user_regs_struct& registers) noexcept;
void set_instruction(user_regs_struct& registers, address to) noexcept;
address stack_of(const user_regs_struct& registers) noexcept;
/// @}

/// Whether the thread was stopped in a system call that returns EINTR, or begins anew, if its stop is not undone but
/// by rt_sigreturn(2): sleeping, for example.
bool loses_call(const thread_context& context) noexcept;

/// Bytes on the stack of a thread, below all that it uses, by which the thread goes back to its context if it is let
/// go at any moment of a call.
class signal_frames {
public:
    /// `undo`: a call that the thread makes by itself, on its way back, if it is let go between the beginning of a call
    /// and the next rest.
    signal_frames(const thread_context& context, const call_instructions& code, const std::optional<remote_call>& undo);

    address start() const noexcept { return start_; }
    std::span<const std::byte> bytes() const noexcept { return bytes_; }

    /// Precondition: there is an undoing call.
    /// Returns: the stack pointer with which a call returns to the undoing call.
    address undo_stack() const noexcept { return undo_; }

    /// Returns: registers with which a thread calls rt_sigreturn(2) as its next instruction. It goes back to the
    /// context, or makes the undoing call before.
    user_regs_struct at_rest(bool undo) const noexcept;

    /// Makes a thread that has entered that rt_sigreturn(2) enter `call` instead. If it is let go during or after the
    /// call, it goes back as described.
    std::error_code replace_call(pid_t thread, const remote_call& call, bool undo) const noexcept;

private:
    const thread_context& context_;
    const call_instructions code_;
    address start_ = 0;
    address back_ = 0;  // the stack pointer of a call after which the thread goes back
    address undo_ = 0;  // after which it makes the undoing call
    std::vector<std::byte> bytes_;
};

/// Returns: what a call has returned: an errno, negated, is negative and at least -4095. Precondition: the thread
/// leaves it.
long result_of(const user_regs_struct& registers) noexcept;

#endif

}  // namespace vmio::detail
