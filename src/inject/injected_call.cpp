// SPDX-License-Identifier: BSL-1.0
#include "inject/injected_call.hpp"

#include <array>
#include <cerrno>
#include <memory>

#include <vmio/error.hpp>

#include "base/system_error.hpp"
#include "inject/call_instruction_finder.hpp"
#include "inject/call_thread.hpp"
#include "inject/remote_bytes.hpp"
#include "process/check_program.hpp"
#include "process/pause_access.hpp"

namespace vmio::detail {
namespace {

constexpr const char* calling = "system call in a target";

}  // namespace

#ifdef VMIO_HAS_SIGNAL_FRAMES

namespace {

/// Whether the instructions are still where they were found before the target was paused.
bool are_there(pid_t process, const call_instructions& code) {
    call_instructions now;
    for (const address at : {code.call, code.sigreturn, code.load_number}) {
        std::array<std::byte, longest_instructions> bytes{};
        if (at == 0) continue;
        // At the end of a mapping there are fewer.
        std::size_t size = bytes.size();
        while (size > 1 && read_remote(process, at, std::span(bytes).first(size))) --size;
        find_call_instructions(std::span(bytes).first(size), at, now);
    }
    return now.call == code.call && now.sigreturn == code.sigreturn &&
           (code.sigreturn != 0 || now.load_number == code.load_number);
}

/// Returns: a thread that can make calls, if possible one that waits in nothing that would notice.
std::unique_ptr<call_thread> choose_thread(const process& target, const pause_guard& pause,
                                           const call_instructions& code, const std::optional<remote_call>& undo) {
    std::unique_ptr<call_thread> chosen;
    std::unique_ptr<call_thread> refused;
    for (const pid_t id : pause.threads()) {
        auto thread = std::make_unique<call_thread>(target, id);
        if (!thread->look(code, undo)) {
            if (!refused || refused->obstacle().empty()) refused = std::move(thread);
        } else {
            const bool best = !thread->loses_call();
            if (best || !chosen) chosen = std::move(thread);
            if (best) break;
        }
    }
    if (chosen) return chosen;
    if (!refused) throw memory_error(calling, target.id(), 0, system_error_of(ESRCH));
    throw memory_error(calling, target.id(), 0, refused->error(), refused->obstacle());
}

}  // namespace

void with_injected_calls(const process& target, const pause_guard& pause, const std::optional<remote_call>& undo,
                         const std::function<void(injected_thread&)>& work) {
    const call_instructions code = find_call_instructions(target);
    const bool ran = pause_access::run(pause, [&] {
        check_program(target, calling);
        if (!are_there(target.id(), code)) throw memory_error(calling, target.id(), 0, system_error_of(EAGAIN));
        const std::unique_ptr<call_thread> thread = choose_thread(target, pause, code, undo);
        thread->enter();
        work(*thread);
    });
    if (!ran) throw memory_error(calling, target.id(), 0, system_error_of(ESRCH));
}

#else

void with_injected_calls(const process& target, const pause_guard&, const std::optional<remote_call>&,
                         const std::function<void(injected_thread&)>&) {
    throw memory_error(calling, target.id(), 0, system_error_of(EOPNOTSUPP),
                       "calls can be made in programs of x86-64 and arm64 only");
}

#endif

}  // namespace vmio::detail
