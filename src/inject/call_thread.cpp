// SPDX-License-Identifier: BSL-1.0
#include "inject/call_thread.hpp"

#ifdef VMIO_HAS_SIGNAL_FRAMES

#include <algorithm>
#include <cerrno>

#include <sched.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vmio/error.hpp>

#include "base/system_call.hpp"
#include "base/system_error.hpp"
#include "inject/remote_bytes.hpp"
#include "inject/restartable_sequence.hpp"
#include "inject/traced_child.hpp"
#include "proc/thread_list.hpp"
#include "proc/thread_wait.hpp"
#include "proc/vma_lookup.hpp"
#include "process/proc_file.hpp"

namespace vmio::detail {
namespace {

// Requests of ptrace(2) that installed headers may lack.
constexpr auto get_syscall_info = static_cast<__ptrace_request>(0x420e);
constexpr auto get_syscall_dispatch = static_cast<__ptrace_request>(0x4211);
constexpr long suspend_seccomp = 1 << 21;

// What get_syscall_info says of a stop.
constexpr unsigned char at_entry = 1;
constexpr unsigned char at_exit = 2;

constexpr int syscall_stop = SIGTRAP | 0x80;  // with PTRACE_O_TRACESYSGOOD
constexpr std::uint64_t all_signals = ~std::uint64_t{0};

bool is_event_stop(const siginfo_t& info) noexcept {
    return info.si_signo == 0 || info.si_code >> 8 == PTRACE_EVENT_STOP;
}

/// A signal that the kernel forces on a thread for what it does, blocked or not.
bool is_fault(int signal) noexcept {
    return signal == SIGSEGV || signal == SIGBUS || signal == SIGILL || signal == SIGFPE || signal == SIGTRAP ||
           signal == SIGSYS;
}

}  // namespace

call_thread::~call_thread() {
    leave();
}

bool call_thread::refuse(int error, std::string why) {
    error_ = system_error_of(error);
    obstacle_ = "thread " + std::to_string(thread_) + ": " + std::move(why);
    return false;
}

bool call_thread::look(const call_instructions& code, const std::optional<remote_call>& undo) {
    const thread_status status = read_thread_status(target_.proc_directory(), thread_);
    if (status.shadow_stack) return refuse(EOPNOTSUPP, "it has a shadow stack, to which a return has to be known");
    std::string why;
    error_ = read_context(thread_, context_, why);
    if (!error_ && why.empty()) error_ = settle_sequence();
    if (error_) return false;
    if (!why.empty()) return refuse(EOPNOTSUPP, std::move(why));
    if (is_dispatched()) return refuse(EOPNOTSUPP, "its system calls are dispatched to itself, as in Wine");
    frames_.emplace(context_, code, undo);
    if (!has_room()) return refuse(EOPNOTSUPP, "its stack has no room for a signal frame");
    if (error_ = set_options(PTRACE_O_TRACESYSGOOD); error_) return false;
    return status.seccomp == 0 || suspend_filters();
}

std::error_code call_thread::set_options(long more) noexcept {
    if (::ptrace(PTRACE_SETOPTIONS, thread_, nullptr, options_ | more) != 0) return last_system_error();
    options_ |= more;
    return {};
}

bool call_thread::suspend_filters() {
    if (!set_options(suspend_seccomp)) return true;
    return refuse(EPERM,
                  "it has a seccomp filter, which could end the process for the call; only a caller with CAP_SYS_ADMIN "
                  "that has no filter itself may suspend it");
}

/// Whether system calls of the thread raise SIGSYS in it: PR_SET_SYSCALL_USER_DISPATCH of prctl(2).
bool call_thread::is_dispatched() const noexcept {
    struct {
        std::uint64_t mode, selector, offset, length;
    } config{};
    return ::ptrace(get_syscall_dispatch, thread_, sizeof config, &config) == 0 && config.mode != 0;
}

/// Reads what the frames will overwrite. Its stack is not to grow, and what lies below it is not to be touched.
bool call_thread::has_room() {
    std::error_code ec;
    const int maps = maps_of(target_, ec);
    vma_info stack;
    const address top = stack_of(context_.registers);
    if (ec || top < 8 || frames_->start() > top ||
        vma_lookup(maps, target_.proc_directory()).at_or_above(top - 8, stack))
        return false;
    if (!stack.range.contains({frames_->start(), top}) || !stack.perms.write) return false;
    overwritten_.resize(frames_->bytes().size());
    return !read_remote(thread_, frames_->start(), overwritten_);
}

/// A thread that is stopped in a restartable sequence, rseq(2), has to begin it anew, as after a signal: the kernel
/// does not see that it comes back, since it is elsewhere meanwhile.
std::error_code call_thread::settle_sequence() noexcept {
    struct {
        std::uint32_t version, flags;
        std::uint64_t start, length, abort;
    } sequence{};
    const address_range area = sequence_area_of(thread_);
    if (area.empty()) return {};
    constexpr address offset_of_sequence = 8;
    address at = 0;
    if (read_remote_value(thread_, area.start() + offset_of_sequence, at) || at == 0) return {};
    if (const std::error_code ec = read_remote_value(thread_, at, sequence)) return ec;
    if (instruction_of(context_.registers) - sequence.start < sequence.length)
        set_instruction(context_.registers, sequence.abort);
    return {};
}

void call_thread::enter() {
    std::error_code ec = write_remote(thread_, frames_->start(), frames_->bytes());
    if (!ec) ec = set_registers(thread_, frames_->at_rest(false));
    if (ec) {
        write_remote(thread_, frames_->start(), overwritten_);
        fail(ec);
    }
    place_ = place::at_rest;
    // Only now, since the frame is what sets it back.
    std::uint64_t mask = all_signals;
    if (::ptrace(PTRACE_SETSIGMASK, thread_, sizeof mask, &mask) != 0) fail(last_system_error());
}

long call_thread::call(const remote_call& call, bool undo) {
    return make(call, undo, nullptr);
}

long call_thread::clone_stopped(pid_t& child) {
    if (const std::error_code ec = set_options(PTRACE_O_TRACECLONE)) fail(ec);
    limit_ = std::chrono::minutes(2);  // some 20 ms for each GiB of pages of 4 KiB
    child = 0;
    long result = 0;
    try {
        result = make({SYS_clone, {CLONE_FILES, frames_->undo_stack()}}, false, &child);
    } catch (...) {
        if (child != 0) end_traced(child);
        throw;
    }
    if (child == 0) return result;
    std::error_code ec = keep_stopped(child);
    // The frames are no part of what the target had there.
    if (!ec) ec = write_remote(child, frames_->start(), overwritten_);
    if (!ec) return result;
    end_traced(child);
    make({SYS_wait4, {static_cast<std::uint64_t>(result), 0, __WALL | WNOHANG, 0}}, false, nullptr);
    fail(ec);
}

/// Waits until a new child has come to its first stop. It ends with this thread then, and not by itself.
std::error_code call_thread::keep_stopped(pid_t child) noexcept {
    siginfo_t info{};
    if (const std::error_code ec = wait_for_stop(child, info)) return ec;
    if (::ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_EXITKILL) != 0) return last_system_error();
    return {};
}

/// `child`: where the id of a child that the call makes is put.
long call_thread::make(const remote_call& call, bool undo, pid_t* child) {
    user_regs_struct registers{};
    std::error_code ec = advance(at_entry);
    if (!ec) ec = frames_->replace_call(thread_, call, undo);
    if (!ec) ec = advance(at_exit, child);
    if (!ec) ec = get_registers(thread_, registers);
    if (place_ != place::lost)
        if (const std::error_code again = set_registers(thread_, frames_->at_rest(undo && !ec)); !ec) ec = again;
    if (ec.value() == EINTR) fail(ec, "the thread met a fault in a call that was made in it");
    if (ec) fail(ec);
    return result_of(registers);
}

/// Lets the thread run to its next system call stop.
std::error_code call_thread::advance(unsigned char wanted, pid_t* child) noexcept {
    for (long signal = 0;;) {
        if (::ptrace(PTRACE_SYSCALL, thread_, nullptr, signal) != 0) {
            place_ = place::lost;
            return last_system_error();
        }
        siginfo_t info{};
        if (const std::error_code ec = wait_for_stop(thread_, info)) return ec;
        if (child != nullptr && info.si_code >> 8 == PTRACE_EVENT_CLONE) {
            unsigned long id = 0;
            if (::ptrace(PTRACE_GETEVENTMSG, thread_, nullptr, &id) != 0) return last_system_error();
            *child = static_cast<pid_t>(id);
            signal = 0;
            continue;
        }
        if (info.si_code == syscall_stop) {
            unsigned char description[88]{};
            if (::ptrace(get_syscall_info, thread_, sizeof description, description) <= 0) return last_system_error();
            return description[0] == wanted ? std::error_code() : system_error_of(EINTR);
        }
        // SIGSTOP, which cannot be blocked, takes effect when the thread is let go.
        signal = is_event_stop(info) ? 0 : info.si_signo;
        if (is_fault(static_cast<int>(signal))) return system_error_of(EINTR);
    }
}

/// Asks for the state of the thread, and does not wait for its report, which a wait(2) elsewhere in the program may
/// have consumed.
std::error_code call_thread::wait_for_stop(pid_t thread, siginfo_t& info) noexcept {
    constexpr unsigned soon = 200;
    const auto deadline = std::chrono::steady_clock::now() + limit_;
    for (unsigned looks = 0;; ++looks) {
        info = {};
        if (::ptrace(PTRACE_GETSIGINFO, thread, nullptr, &info) == 0 || last_system_error().value() == EINVAL) {
            siginfo_t report{};
            sys::waitid(P_PID, static_cast<id_t>(thread), &report, WSTOPPED | WNOHANG | __WALL | __WNOTHREAD);
            return {};
        }
        if (looks < soon) {
            ::sched_yield();
            continue;
        }
        std::error_code ec;
        const bool ended = is_ending(target_.proc_directory(), thread_, ec) || !target_.alive();
        if (ended || ec || std::chrono::steady_clock::now() >= deadline) {
            place_ = place::lost;
            return ended ? system_error_of(ESRCH) : ec ? ec : system_error_of(ETIMEDOUT);
        }
        ::usleep(std::min(looks, 1000u));
    }
}

void call_thread::leave() noexcept {
    if (place_ != place::at_rest) return;
    place_ = place::lost;
    // To a stop from which the kernel restarts the call that the thread was in.
    ::ptrace(PTRACE_INTERRUPT, thread_, nullptr, nullptr);
    siginfo_t info{};
    for (long signal = 0;; signal = info.si_signo) {
        if (::ptrace(PTRACE_CONT, thread_, nullptr, signal) != 0 || wait_for_stop(thread_, info)) return;
        if (is_event_stop(info)) break;
    }
    // While the registers are not set back, the frame is what the thread goes back by.
    std::uint64_t mask = context_.signal_mask;
    if (::ptrace(PTRACE_SETSIGMASK, thread_, sizeof mask, &mask) != 0 || write_context(thread_, context_)) return;
    write_remote(thread_, frames_->start(), overwritten_);
    ::ptrace(PTRACE_SETOPTIONS, thread_, nullptr, 0L);
    place_ = place::outside;
}

void call_thread::fail(std::error_code ec, const char* advice) {
    throw memory_error("system call in a target", target_.id(), 0, ec, advice);
}

}  // namespace vmio::detail

#endif
