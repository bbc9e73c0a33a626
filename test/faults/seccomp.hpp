// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <initializer_list>
#include <utility>
#include <vector>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "processes/child.hpp"

namespace test {

/// A real filter on the system calls of this process from now on; what it does not say is allowed. It cannot be taken
/// back.
inline void install(std::vector<sock_filter> program) {
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
    must(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
    must(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0, "seccomp");
}

/// The filter answers these calls with `action`.
inline void answer(std::initializer_list<long> calls, unsigned action) {
    std::vector<sock_filter> program;
    program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
    for (const long call : calls) {
        program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(call), 0, 1));
        program.push_back(BPF_STMT(BPF_RET | BPF_K, action));
    }
    install(std::move(program));
}

/// These fail with `error`.
inline void forbid(std::initializer_list<long> calls, int error) {
    answer(calls, SECCOMP_RET_ERRNO | static_cast<unsigned>(error));
}

/// These end the process.
inline void end_at(std::initializer_list<long> calls) {
    answer(calls, SECCOMP_RET_KILL_PROCESS);
}

/// This one does if the lower half of its argument of that number compares so with `value`: BPF_JEQ, or BPF_JSET for
/// any of these bits.
inline void forbid_if(long call, unsigned argument, unsigned comparison, unsigned value, int error) {
    constexpr bool big_endian = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
    const auto place = static_cast<unsigned>(offsetof(seccomp_data, args) + argument * sizeof(seccomp_data::args[0]));
    install({BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
             BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(call), 0, 3),
             BPF_STMT(BPF_LD | BPF_W | BPF_ABS, place + (big_endian ? 4 : 0)),
             BPF_JUMP(static_cast<unsigned short>(BPF_JMP | comparison | BPF_K), value, 0, 1),
             BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error))});
}

inline void forbid_with(long call, unsigned argument, unsigned bits, int error) {
    forbid_if(call, argument, BPF_JSET, bits, error);
}

inline void forbid_ioctl(unsigned long request, int error) {
    forbid_if(SYS_ioctl, 1, BPF_JEQ, static_cast<unsigned>(request), error);
}

inline void forbid_process_vm(int error) {
    forbid({SYS_process_vm_readv, SYS_process_vm_writev}, error);
}

}  // namespace test
