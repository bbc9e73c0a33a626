// SPDX-License-Identifier: BSL-1.0
/// State shared by the copies of a process: descriptors, and the values by which an exec is detected.
#pragma once

#include <atomic>
#include <cstdint>
#include <system_error>

#include <sys/types.h>

#include <vmio/process.hpp>

#include "base/file_descriptor.hpp"
#include "proc/proc_stat.hpp"
#include "process/kept_lookup.hpp"
#include "process/lazy_descriptor.hpp"

namespace vmio {

struct VMIO_HIDDEN process::state {
    pid_t id = 0;
    detail::file_descriptor pidfd;
    detail::file_descriptor directory;
    mutable std::atomic<unsigned> word_size{0};  // of the program, in bytes; 0: not known
    detail::kept_lookup lookup;                  // of the descriptor of open_maps(), where the kernel has only the text

    /// Reads the values that exec(2) changes, and opens the files that cannot be opened later. Called once, before the
    /// state is shared.
    /// Errors: ESRCH, the process has ended or has no memory; those of openat(2).
    std::error_code look() noexcept;

    /// Returns: 1, ended; 0, alive; below 0, the pidfd cannot be queried.
    long ended_by_pidfd() const noexcept;
    bool alive() const noexcept;

    /// Determines whether the process runs the program that it ran at look(), as far as permissions allow.
    /// Returns: false if it does not, or has ended. `ec` is set if that could not be determined.
    bool same_program(std::error_code& ec) const noexcept;

    /// Opens the descriptors that same_program() needs.
    std::error_code keep_stat() const noexcept;

    /// See process::maps(). Errors: EACCES; ESRCH, the process has ended or called exec; EMFILE and the like.
    int open_maps(std::error_code& ec) const noexcept;

    /// Whether an exec can be detected: false if the permission was missing at look().
    bool program_known() const noexcept { return program_.layout_known(); }

private:
    std::error_code read_stat(detail::proc_stat& status) const noexcept;
    bool keeps_robust_list(std::uintptr_t& head) const noexcept;

    detail::proc_stat program_;   // at look()
    bool random_layout_ = false;  // so that no two programs have the same layout
    bool maps_permitted_ = true;
    mutable std::atomic<std::uintptr_t> robust_list_{0};  // of the program at look(); 0: not known
    mutable std::atomic<unsigned> questions_{0};
    mutable std::atomic<unsigned> readings_{0};
    detail::lazy_descriptor watch_;  // an epoll(7) of the pidfd: a query costs little more than entering the kernel
    detail::lazy_descriptor stat_;
    detail::lazy_descriptor maps_;
};

namespace detail {

struct VMIO_HIDDEN process_access {
    using state = process::state;
    static const state* state_of(const process& target) noexcept { return target.state_.get(); }
};

}  // namespace detail
}  // namespace vmio
