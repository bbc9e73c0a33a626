// SPDX-License-Identifier: BSL-1.0
/// old_kernel RELEASE COMMAND...: runs a command on this kernel, which refuses it what that release lacks, as that
/// release would. Only interfaces that can be told from the numbers of a system call are refused: what an older kernel
/// does otherwise is seen on that kernel only (test/scripts/matrix.sh).
#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <linux/filter.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "faults/seccomp.hpp"

namespace {

struct release {
    int major = 0;
    int minor = 0;

    auto operator<=>(const release&) const = default;
};

/// A call with an argument that is `value`, or has the bit.
struct refusal {
    release since;
    long call;
    unsigned argument;
    unsigned comparison;
    unsigned value;
    int error;
};

constexpr unsigned is = BPF_JEQ;
constexpr unsigned with = BPF_JSET;

// The installed headers may be older than these.
constexpr refusal refusals[] = {
    {{6, 13}, SYS_madvise, 2, is, 102, EINVAL},               // MADV_GUARD_INSTALL
    {{6, 13}, SYS_madvise, 2, is, 103, EINVAL},               // MADV_GUARD_REMOVE
    {{6, 11}, SYS_ioctl, 1, is, 0xC0686611, ENOTTY},          // PROCMAP_QUERY
    {{6, 9}, SYS_pidfd_open, 1, with, O_EXCL, EINVAL},        // PIDFD_THREAD
    {{6, 7}, SYS_ioctl, 1, is, 0xC0606610, ENOTTY},           // PAGEMAP_SCAN
    {{6, 6}, SYS_ioctl, 1, is, 0xC020AA08, EINVAL},           // UFFDIO_POISON
    {{6, 5}, SYS_name_to_handle_at, 4, with, 0x200, EINVAL},  // AT_HANDLE_FID
    {{6, 3}, SYS_memfd_create, 1, with, 0x18, EINVAL},        // MFD_NOEXEC_SEAL, MFD_EXEC
    {{6, 1}, SYS_madvise, 2, is, 25, EINVAL},                 // MADV_COLLAPSE
    {{5, 18}, SYS_madvise, 2, is, 24, EINVAL},                // MADV_DONTNEED_LOCKED
    {{5, 17}, SYS_prctl, 0, is, 0x53564d41, EINVAL},          // PR_SET_VMA
    {{5, 14}, SYS_madvise, 2, is, 22, EINVAL},                // MADV_POPULATE_READ
    {{5, 14}, SYS_madvise, 2, is, 23, EINVAL},                // MADV_POPULATE_WRITE
    {{5, 11}, SYS_close_range, 2, with, 4, EINVAL},           // CLOSE_RANGE_CLOEXEC
    {{5, 11}, SYS_userfaultfd, 0, with, 1, EINVAL},           // UFFD_USER_MODE_ONLY
};

/// Calls as a whole, by their numbers, which are the same on all machines from 424 on.
struct missing_call {
    release since;
    long call;
};

constexpr missing_call missing_calls[] = {
    {{6, 10}, 462},  // mseal
    {{6, 8}, 457},   // statmount
    {{6, 8}, 458},   // listmount
    {{6, 5}, 451},   // cachestat
    {{5, 15}, 448},  // process_mrelease
    {{5, 14}, 447},  // memfd_secret
};

}  // namespace

int main(int count, char** arguments) {
    release wanted;
    if (count < 3 || std::sscanf(arguments[1], "%d.%d", &wanted.major, &wanted.minor) != 2) {
        std::fprintf(stderr, "usage: old_kernel RELEASE COMMAND..., for example 6.1\n");
        return 2;
    }
    for (const refusal& r : refusals)
        if (wanted < r.since) test::forbid_if(r.call, r.argument, r.comparison, r.value, r.error);
    for (const missing_call& m : missing_calls)
        if (wanted < m.since) test::forbid({m.call}, ENOSYS);
    ::execvp(arguments[2], arguments + 2);
    std::perror(arguments[2]);
    return 127;
}
