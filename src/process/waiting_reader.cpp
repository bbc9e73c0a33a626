// SPDX-License-Identifier: BSL-1.0
#include "process/waiting_reader.hpp"

#include <algorithm>
#include <cstdio>
#include <string_view>

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file_descriptor.hpp"
#include "base/system_call.hpp"
#include "proc/thread_list.hpp"

namespace vmio::detail {

/// Whether a call is a transfer, by its arguments: process_vm_readv and process_vm_writev name the process, the others
/// a descriptor of a file below /proc/PID: mem, or one whose text the kernel takes from the memory of the process, as
/// it does for cmdline.
bool waiting_reader::is_transfer(const blocked_call& call) const {
    switch (call.number) {
        case SYS_process_vm_readv:
        case SYS_process_vm_writev: return static_cast<pid_t>(call.arguments[0]) == target_;
        case SYS_read:
        case SYS_pread64:
        case SYS_pwrite64:
        case SYS_preadv:
        case SYS_pwritev: break;
        default: return false;
    }
    char link[48];
    char place[64];
    char directory[32];
    std::snprintf(link, sizeof link, "/proc/self/fd/%d", static_cast<int>(call.arguments[0]));
    std::snprintf(directory, sizeof directory, "/proc/%d/", target_);
    const ssize_t length = ::readlink(link, place, sizeof place);
    return length > 0 && std::string_view(place, static_cast<std::size_t>(length)).starts_with(directory);
}

/// Fallback where the system calls of this process's threads may not be inspected: whether the kernel function waits
/// for a page that a process provides. Not sufficient alone: the page may be of another file.
bool waiting_reader::is_wait_for_page(const std::string& function) {
    for (const char* part : {"userfault", "fuse", "request_wait_answer", "folio_wait"})
        if (function.find(part) != function.npos) return true;
    return false;
}

waiting_reader::clock::duration waiting_reader::look() {
    const clock::time_point now = clock::now();
    std::vector<wait> found;
    std::error_code ec;
    const file_descriptor own(sys::open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC));
    const bool by_calls = can_read_blocked_call(own.get(), static_cast<pid_t>(::syscall(SYS_gettid)));
    for (const pid_t thread : list_threads(own.get(), ec)) {
        blocked_call call;
        const bool waits = by_calls ? read_blocked_call(own.get(), thread, call) && is_transfer(call)
                                    : is_wait_for_page(kernel_function(own.get(), thread));
        if (!waits) continue;
        wait w{thread, call, read_thread_status(own.get(), thread).voluntary_switches, now};
        const auto before = std::find_if(waits_.begin(), waits_.end(), [&](const wait& b) {
            return b.thread == w.thread && b.call == w.call && b.switches == w.switches;
        });
        if (before != waits_.end()) w.since = before->since;
        found.push_back(w);
    }
    waits_ = std::move(found);
    clock::duration longest{};
    for (const wait& w : waits_) longest = std::max(longest, now - w.since);
    return longest;
}

}  // namespace vmio::detail
