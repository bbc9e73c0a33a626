// SPDX-License-Identifier: BSL-1.0
/// Detection of threads of this process that wait for a page of a stopped target.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include <sys/types.h>

#include "proc/thread_wait.hpp"

namespace vmio::detail {

/// Detects a thread of the calling process that waits, in a transfer from or to the target's memory, for a page that
/// the target itself would have to provide, as a user-space pager (userfaultfd) or a file server (FUSE) of its own
/// memory does. Slow transfers that make progress are not reported: the kernel counts each wait that ends.
class waiting_reader {
public:
    using clock = std::chrono::steady_clock;

    explicit waiting_reader(pid_t target) : target_(target) {}

    /// Returns: the duration of the longest wait that has lasted since an earlier look(); zero if there is none.
    clock::duration look();

private:
    struct wait {
        pid_t thread;
        blocked_call call;
        std::uint64_t switches;
        clock::time_point since;
    };

    bool is_transfer(const blocked_call& call) const;
    static bool is_wait_for_page(const std::string& function);

    pid_t target_;
    std::vector<wait> waits_;
};

}  // namespace vmio::detail
