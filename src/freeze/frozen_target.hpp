// SPDX-License-Identifier: BSL-1.0
/// All of a process as of one moment, to be read while it runs.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include <vmio/pause_guard.hpp>
#include <vmio/process.hpp>
#include <vmio/source_options.hpp>

#include "freeze/frozen_copy.hpp"
#include "freeze/held_pages.hpp"
#include "process/process_info.hpp"

namespace vmio::detail {

class frozen_target {
public:
    /// Pauses the target for a frozen_copy of it, and for copying what fork(2) does not; with `with_shared`, also
    /// memory that it shares with other processes.
    /// `refusal`: why there is no frozen copy, if it cannot be had: the errors of frozen_copy except ESRCH and ESTALE;
    /// a target that serves its own page faults.
    /// Returns: null then.
    /// Errors: memory_error: those of pause_guard and region_reader, ESRCH, ESTALE.
    static std::unique_ptr<frozen_target> make(const process& target, const pause_options& limits, bool with_shared,
                                               const source_options& sources, std::string& refusal);

    const process_info& info() const noexcept { return info_; }
    std::chrono::system_clock::time_point time() const noexcept { return time_; }
    const held_pages& held() const noexcept { return held_; }

    /// The process to read from.
    const process& copy() const noexcept { return copy_->copy(); }

    /// Runs `f`, which reads from copy().
    /// Errors: those of `f`; ENOMEM, the copy has been killed.
    template <class F>
    decltype(auto) reading(F&& f) const {
        try {
            return f();
        } catch (const memory_error& e) {
            if (e.process_id() != copy().id() || e.code() != errc::no_such_process) throw;
            throw_killed(e);
        }
    }

    /// Ends the copy.
    /// Returns: for how long the target was paused in total.
    std::chrono::nanoseconds end() noexcept;

private:
    explicit frozen_target(const process& target) : target_(target) {}
    [[noreturn]] void throw_killed(const memory_error& e) const;

    const process target_;
    process_info info_;
    std::chrono::system_clock::time_point time_;
    std::chrono::nanoseconds paused_{};
    held_pages held_;
    std::optional<frozen_copy> copy_;
};

}  // namespace vmio::detail
