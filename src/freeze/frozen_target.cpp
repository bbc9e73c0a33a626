// SPDX-License-Identifier: BSL-1.0
#include "freeze/frozen_target.hpp"

#include <cerrno>
#include <utility>

#include <vmio/error.hpp>

#include "base/system_error.hpp"

namespace vmio::detail {

std::unique_ptr<frozen_target> frozen_target::make(const process& target, const pause_options& limits, bool with_shared,
                                                   const source_options& sources, std::string& refusal) {
    const uncopied_memory uncopied = find_uncopied(target, with_shared);
    if (uncopied.served) {
        refusal = "userfaultfd(2) serves some of its memory, and may have to agree to a copy";
        return nullptr;
    }
    std::unique_ptr<frozen_target> frozen(new frozen_target(target));
    pause_guard pause(target, limits);
    frozen->time_ = std::chrono::system_clock::now();
    frozen->info_ = read_process_info(target, &pause);
    frozen->held_ = held_pages(target, pause, uncopied, sources);
    try {
        frozen->copy_.emplace(target, std::move(pause), limits);
    } catch (const memory_error& e) {
        if (e.code() == errc::no_such_process || e.code().value() == ESTALE) throw;
        refusal = e.what();
        return nullptr;
    }
    frozen->paused_ = frozen->copy_->release();
    return frozen;
}

std::chrono::nanoseconds frozen_target::end() noexcept {
    return paused_ + copy_->end();
}

void frozen_target::throw_killed(const memory_error& e) const {
    throw memory_error(
        e.operation(), target_.id(), e.where(), system_error_of(ENOMEM),
        "its frozen copy was killed, as the kernel does where memory runs out; the process itself goes on");
}

}  // namespace vmio::detail
