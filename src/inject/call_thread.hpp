// SPDX-License-Identifier: BSL-1.0
/// The thread of a target in which system calls are made.
#pragma once

#include <chrono>
#include <csignal>
#include <cstdint>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include <vmio/process.hpp>

#include "inject/injected_call.hpp"
#include "inject/signal_frame.hpp"

#ifdef VMIO_HAS_SIGNAL_FRAMES

namespace vmio::detail {

/// To be used by the tracing thread. How the thread gets from one stop to the next, and what it does if it is let go
/// there:
///
///     look()    stopped by the pause                              goes on
///     enter()   the frames are written, then the registers:
///               at rest, about to call rt_sigreturn(2)            restores itself
///     call()    entered rt_sigreturn(2)                           restores itself
///               replaced by the call                              makes it, returns to rt_sigreturn(2)
///               left the call                                     returns to rt_sigreturn(2)
///               at rest again
///     leave()   stopped where the kernel restarts calls, signal mask, then registers, then the bytes below the stack
class call_thread final : public injected_thread {
public:
    call_thread(const process& target, pid_t thread) : target_(target), thread_(thread) {}
    call_thread(const call_thread&) = delete;
    call_thread& operator=(const call_thread&) = delete;
    /// Calls leave().
    ~call_thread() override;

    /// Reads the thread's state; changes nothing.
    /// Returns: whether calls can be made in it.
    bool look(const call_instructions& code, const std::optional<remote_call>& undo);
    /// Why look() has returned false.
    /// @{
    const std::string& obstacle() const noexcept { return obstacle_; }
    std::error_code error() const noexcept { return error_; }
    /// @}
    /// See detail::loses_call().
    bool loses_call() const noexcept { return detail::loses_call(context_); }

    /// Precondition: look() has returned true.
    void enter();
    long call(const remote_call& call, bool undo) override;
    long clone_stopped(pid_t& child) override;
    void leave() noexcept;

private:
    enum class place { outside, at_rest, lost };

    bool refuse(int error, std::string why);
    bool suspend_filters();
    bool is_dispatched() const noexcept;
    bool has_room();
    std::error_code settle_sequence() noexcept;
    std::error_code set_options(long more) noexcept;
    long make(const remote_call& call, bool undo, pid_t* child);
    std::error_code advance(unsigned char wanted, pid_t* child = nullptr) noexcept;
    std::error_code wait_for_stop(pid_t thread, siginfo_t& info) noexcept;
    std::error_code keep_stopped(pid_t child) noexcept;
    [[noreturn]] void fail(std::error_code ec, const char* advice = "");

    const process target_;
    const pid_t thread_;
    thread_context context_;
    std::optional<signal_frames> frames_;
    std::vector<std::byte> overwritten_;
    std::string obstacle_;
    std::error_code error_;
    long options_ = 0;                // of ptrace(2)
    std::chrono::seconds limit_{10};  // of a call
    place place_ = place::outside;
};

}  // namespace vmio::detail

#endif
