// SPDX-License-Identifier: BSL-1.0
/// Threads of ours that wait for a page of a target which is stopped.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include <sys/types.h>

#include "proc/thread_wait.hpp"

namespace vmio::detail {

/// Notices a thread of the calling process that waits in a transfer from or to the target's memory: for a page that the
/// target itself would have to bring, as a user-space pager (userfaultfd) or a file server (FUSE) of its own memory
/// does. A transfer that makes progress, however slow, is no such wait: every wait that ends is counted by the kernel.
class waiting_reader {
public:
    using clock = std::chrono::steady_clock;

    explicit waiting_reader(pid_t target) : target_(target) {}

    /// How long the one that has waited longest has, in one wait that goes on since an earlier look(); zero: none.
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
