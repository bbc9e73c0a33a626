// SPDX-License-Identifier: BSL-1.0
/// Signal frames of x86-64: struct rt_sigframe of the kernel, and the state of XSAVE that belongs to it.
#include "inject/signal_frame.hpp"

#if defined(__x86_64__) && !defined(__ILP32__)

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <initializer_list>

#include <cpuid.h>
#include <elf.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "base/system_error.hpp"

namespace vmio::detail {
namespace {

/// struct ucontext of the kernel.
struct x86_context {
    std::uint64_t flags, link;
    std::uint64_t stack_start;
    std::uint32_t stack_flags, unused;
    std::uint64_t stack_size;
    std::uint64_t r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, eflags;
    std::uint16_t cs, gs, fs, ss;
    std::uint64_t error, trap, old_mask, cr2, vectors, reserved[8];
    std::uint64_t mask;
};
static_assert(sizeof(x86_context) == 304);

/// The end of the part of an XSAVE area that FXSAVE leaves to software: struct _fpx_sw_bytes.
struct xsave_description {
    std::uint32_t magic = 0x46505853;  // FP_XSTATE_MAGIC1
    std::uint32_t extended_size = 0;
    std::uint64_t features = 0;
    std::uint32_t size = 0;
    std::uint32_t padding[7]{};
};
static_assert(sizeof(xsave_description) == 48);
constexpr std::uint32_t end_of_xsave = 0x46505845;  // FP_XSTATE_MAGIC2

constexpr std::size_t description_at = 464;
constexpr std::size_t header_at = 512;
constexpr std::size_t header_end = 576;
constexpr std::uint64_t x87_and_sse = 3;
constexpr std::uint64_t protection_keys = std::uint64_t{1} << 9;

constexpr std::uint64_t red_zone = 128;
constexpr std::uint16_t code_of_64_bits = 0x33;
constexpr std::uint64_t trap_and_direction = 0x500;  // TF, DF

// Of the kernel: a call that a signal has interrupted, before it is restarted.
constexpr long restart_always = -512;
constexpr long restart_unless_handled = -513;
constexpr long restart_without_handler = -514;
constexpr long restart_by_block = -516;

bool has_protection_keys() noexcept {
    unsigned a = 0, b = 0, c = 0, d = 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (c & 1u << 4) != 0;  // OSPKE
}

/// Turns what ptrace(2) has read into the form of signal frames. ptrace(2) hands out every feature of the processor;
/// but rt_sigreturn(2) ignores a state that is larger than the task is permitted (AMX is by request), and with it all
/// but x87 and SSE. So it is cut behind the last feature that is in use.
bool make_frame_of(std::vector<std::byte>& xsave) {
    if (xsave.size() < header_end) return false;
    std::uint64_t in_use = 0;
    std::memcpy(&in_use, &xsave[header_at], sizeof in_use);
    in_use |= x87_and_sse;
    // Kernels that keep these apart need not mark them as in use; without the mark they would be reset.
    if (has_protection_keys()) in_use |= protection_keys;
    std::size_t size = header_end;
    for (unsigned i = 2; i < 63; ++i) {
        unsigned length = 0, offset = 0, c = 0, d = 0;
        if ((in_use >> i & 1) == 0) continue;
        if (__get_cpuid_count(0xd, i, &length, &offset, &c, &d) == 0 || offset + length > xsave.size()) return false;
        size = std::max<std::size_t>(size, offset + length);
    }
    std::memcpy(&xsave[header_at], &in_use, sizeof in_use);
    const auto length = static_cast<std::uint32_t>(size);
    const xsave_description description{
        .extended_size = length + static_cast<std::uint32_t>(sizeof end_of_xsave), .features = in_use, .size = length};
    std::memcpy(&xsave[description_at], &description, sizeof description);
    xsave.resize(size + sizeof end_of_xsave);
    std::memcpy(&xsave[size], &end_of_xsave, sizeof end_of_xsave);
    return true;
}

/// Returns: the registers with which the thread goes on in user mode: a call that the stop has interrupted is begun
/// again, as the kernel does.
user_regs_struct resumed(user_regs_struct r) noexcept {
    if (static_cast<long>(r.orig_rax) < 0) return r;
    switch (static_cast<long>(r.rax)) {
        case restart_always:
        case restart_unless_handled:
        case restart_without_handler:
            r.rax = r.orig_rax;
            r.rip -= 2;  // the length of `syscall`
            break;
        case restart_by_block: r.rax = static_cast<unsigned long>(-EINTR); break;  // the kernel forgets what remained
        default: break;
    }
    return r;
}

x86_context context_of(const user_regs_struct& r, address vectors, std::uint64_t mask) noexcept {
    x86_context c{};
    c.flags = 7;                 // UC_FP_XSTATE, UC_SIGCONTEXT_SS, UC_STRICT_RESTORE_SS
    c.stack_flags = 0xffffffff;  // is refused, so that the alternate stack is kept
    c.r8 = r.r8, c.r9 = r.r9, c.r10 = r.r10, c.r11 = r.r11, c.r12 = r.r12, c.r13 = r.r13, c.r14 = r.r14, c.r15 = r.r15;
    c.rdi = r.rdi, c.rsi = r.rsi, c.rbp = r.rbp, c.rbx = r.rbx, c.rdx = r.rdx, c.rax = r.rax, c.rcx = r.rcx;
    c.rsp = r.rsp, c.rip = r.rip, c.eflags = r.eflags;
    c.cs = static_cast<std::uint16_t>(r.cs), c.ss = static_cast<std::uint16_t>(r.ss);
    c.vectors = vectors;
    c.mask = mask;
    return c;
}

void set_arguments(user_regs_struct& r, const remote_call& call) noexcept {
    const auto& a = call.arguments;
    r.rdi = a[0], r.rsi = a[1], r.rdx = a[2], r.r10 = a[3], r.r8 = a[4], r.r9 = a[5];
}

std::error_code read_register_set(pid_t thread, int type, void* to, std::size_t& size) noexcept {
    iovec place{to, size};
    if (::ptrace(PTRACE_GETREGSET, thread, type, &place) != 0) return last_system_error();
    size = place.iov_len;
    return {};
}

bool find_bytes(std::span<const std::byte> code, address start, std::initializer_list<unsigned char> wanted,
                address& found) {
    if (found != 0) return true;
    const auto at = std::search(code.begin(), code.end(), wanted.begin(), wanted.end(),
                                [](std::byte a, unsigned char b) { return a == static_cast<std::byte>(b); });
    if (at == code.end()) return false;
    found = start + static_cast<address>(at - code.begin());
    return true;
}

}  // namespace

bool find_call_instructions(std::span<const std::byte> code, address start, call_instructions& found) {
    const bool calls = find_bytes(code, start, {0x0f, 0x05, 0xc3}, found.call);  // syscall; ret
    // mov $15, %rax; syscall, and mov $15, %eax; syscall: what signal handlers return to.
    const bool returns = find_bytes(code, start, {0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05}, found.sigreturn) ||
                         find_bytes(code, start, {0xb8, 15, 0, 0, 0, 0x0f, 0x05}, found.sigreturn);
    const bool loads = find_bytes(code, start, {0x58, 0xc3}, found.load_number);  // pop %rax; ret
    return calls && (returns || loads);
}

std::error_code read_context(pid_t thread, thread_context& to, std::string& obstacle) {
    std::size_t size = sizeof to.registers;
    if (const std::error_code ec = read_register_set(thread, NT_PRSTATUS, &to.registers, size)) return ec;
    if (size != sizeof to.registers || (to.registers.cs & 0xffff) != code_of_64_bits) {
        obstacle = "it runs 32-bit code";
        return {};
    }
    to.vectors.resize(std::size_t{1} << 16);
    size = to.vectors.size();
    if (const std::error_code ec = read_register_set(thread, NT_X86_XSTATE, to.vectors.data(), size)) {
        if (ec.value() == ESRCH) return ec;
        size = 0;
    }
    to.vectors.resize(size);
    if (!make_frame_of(to.vectors)) obstacle = "the kernel does not say what its vector registers hold (XSAVE)";
    if (::ptrace(PTRACE_GETSIGMASK, thread, sizeof to.signal_mask, &to.signal_mask) != 0) return last_system_error();
    return {};
}

std::error_code get_registers(pid_t thread, user_regs_struct& to) noexcept {
    std::size_t size = sizeof to;
    return read_register_set(thread, NT_PRSTATUS, &to, size);
}

std::error_code set_registers(pid_t thread, const user_regs_struct& from) noexcept {
    user_regs_struct registers = from;
    iovec place{&registers, sizeof registers};
    return ::ptrace(PTRACE_SETREGSET, thread, NT_PRSTATUS, &place) == 0 ? std::error_code() : last_system_error();
}

std::error_code write_context(pid_t thread, const thread_context& from) noexcept {
    return set_registers(thread, from.registers);  // a system call preserves the others
}

bool loses_call(const thread_context& context) noexcept {
    return static_cast<long>(context.registers.orig_rax) >= 0 &&
           static_cast<long>(context.registers.rax) == restart_by_block;
}

/*  What lies below the stack of the thread, from its stack pointer down:
 *
 *      red zone
 *      state of the vector registers, aligned to 64, of both frames
 *      context of the thread                     <- rt_sigreturn(2) expects the stack pointer here
 *      words that call rt_sigreturn(2)           <- back_, the stack pointer of a call
 *      context of the undoing call, whose stack pointer is back_
 *      words that call rt_sigreturn(2)           <- undo_, the stack pointer of a call that is to be undone
 */
signal_frames::signal_frames(const thread_context& context, const call_instructions& code,
                             const std::optional<remote_call>& undo)
    : context_(context), code_(code) {
    const std::size_t words = code.sigreturn != 0 ? 1 : 3;
    const auto context_below = [](address top) { return align_down(top - sizeof(x86_context), 16); };
    const address vectors = align_down(context.registers.rsp - red_zone - context.vectors.size(), 64);
    const address frame = context_below(vectors);
    back_ = frame - words * 8;
    const address undo_frame = context_below(back_);
    undo_ = undo_frame - words * 8;
    start_ = undo ? undo_ : back_;
    bytes_.resize(static_cast<std::size_t>(vectors + context.vectors.size() - start_));

    const auto put = [&](address at, const void* from, std::size_t size) {
        std::memcpy(&bytes_[static_cast<std::size_t>(at - start_)], from, size);
    };
    const auto put_words = [&](address at) {
        // After these the stack pointer is at the context.
        const std::uint64_t by_number[]{code.load_number, SYS_rt_sigreturn, code.call};
        put(at, code.sigreturn != 0 ? &code.sigreturn : by_number, words * 8);
    };
    const x86_context own = context_of(resumed(context.registers), vectors, context.signal_mask);
    put(vectors, context.vectors.data(), context.vectors.size());
    put(frame, &own, sizeof own);
    put_words(back_);
    if (!undo) return;
    user_regs_struct undoing = at_rest(false);
    undoing.rax = static_cast<unsigned long>(undo->number);
    undoing.rsp = back_;
    set_arguments(undoing, *undo);
    const x86_context other = context_of(undoing, vectors, ~std::uint64_t{0});
    put(undo_frame, &other, sizeof other);
    put_words(undo_);
}

user_regs_struct signal_frames::at_rest(bool undo) const noexcept {
    user_regs_struct r = context_.registers;
    r.rip = code_.call;
    r.rsp = (undo ? undo_ : back_) + (code_.sigreturn != 0 ? 8 : 24);
    r.rax = SYS_rt_sigreturn;
    r.orig_rax = ~0ul;  // in no system call, so that the kernel restarts none
    r.eflags &= ~trap_and_direction;
    return r;
}

std::error_code signal_frames::replace_call(pid_t thread, const remote_call& call, bool undo) const noexcept {
    user_regs_struct r;
    if (const std::error_code ec = get_registers(thread, r)) return ec;
    r.orig_rax = static_cast<unsigned long>(call.number);
    r.rsp = undo ? undo_ : back_;
    set_arguments(r, call);
    return set_registers(thread, r);
}

address instruction_of(const user_regs_struct& registers) noexcept {
    return registers.rip;
}

void set_instruction(user_regs_struct& registers, address to) noexcept {
    registers.rip = to;
}

address stack_of(const user_regs_struct& registers) noexcept {
    return registers.rsp;
}

long result_of(const user_regs_struct& registers) noexcept {
    return static_cast<long>(registers.rax);
}

}  // namespace vmio::detail

#endif
