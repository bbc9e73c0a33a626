// SPDX-License-Identifier: BSL-1.0
#include "process/register_sets.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>

#include <elf.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

#include "base/system_error.hpp"

namespace vmio::detail {
namespace {

constexpr std::size_t first_size = 4096;

/// Returns: the set; empty, without an error, if this machine has no such set.
std::vector<std::byte> read_set(pid_t thread, std::uint32_t type, std::error_code& ec) {
    std::vector<std::byte> bytes(first_size);
    while (true) {
        iovec place{bytes.data(), bytes.size()};
        if (::ptrace(PTRACE_GETREGSET, thread, type, &place) != 0) {
            ec = last_system_error();
            if (ec.value() == EINVAL || ec.value() == ENODEV || ec.value() == EIO) ec.clear();
            return {};
        }
        // The kernel truncates a larger set to the size of the buffer.
        const bool whole = place.iov_len < bytes.size();
        bytes.resize(whole ? place.iov_len : 2 * bytes.size());
        if (whole) return bytes;
    }
}

/// Returns: the reason of the stop, a siginfo_t. Of a pause it is what others' debuggers leave in a core: the SIGSTOP
/// by which they stop a thread. Empty, without an error, in a stop of the whole group, which has no such information.
std::vector<std::byte> read_signal_info(pid_t thread, std::error_code& ec) {
    siginfo_t info{};
    if (::ptrace(PTRACE_GETSIGINFO, thread, nullptr, &info) != 0) {
        ec = last_system_error();
        if (ec.value() == EINVAL) ec.clear();
        return {};
    }
    if (info.si_code >> 8 == PTRACE_EVENT_STOP) {
        if (info.si_signo != SIGTRAP) return {};
        info = {};
        info.si_signo = SIGSTOP;
        info.si_code = SI_KERNEL;
    }
    const auto bytes = std::as_bytes(std::span(&info, 1));
    return {bytes.begin(), bytes.end()};
}

/// Whether a set is of the thread's own state. PTRACE_SETREGSET refuses the others.
bool is_writable(std::uint32_t type) noexcept {
    switch (type) {
        case NT_PRSTATUS:
        case NT_PRFPREG:
#if defined(__x86_64__) || defined(__i386__)
        case NT_X86_XSTATE:
#elif defined(__aarch64__)
        case NT_ARM_TLS:
        case NT_ARM_SVE:
#endif
            return true;
        default: return false;
    }
}

/// The kernel has forgotten what a call that it would continue, by restart_syscall(2), was to do.
void abandon_continued_call([[maybe_unused]] std::vector<std::byte>& general) {
#if defined(__x86_64__) && !defined(__ILP32__)
    constexpr long continued = -516;
    user_regs_struct registers;
    if (general.size() != sizeof registers) return;
    std::memcpy(&registers, general.data(), sizeof registers);
    if (static_cast<long>(registers.orig_rax) < 0 || static_cast<long>(registers.rax) != continued) return;
    registers.rax = static_cast<unsigned long>(-EINTR);
    std::memcpy(general.data(), &registers, sizeof registers);
#endif
}

}  // namespace

std::span<const std::uint32_t> known_register_sets() noexcept {
    static constexpr std::uint32_t types[] {
        NT_PRSTATUS, NT_PRFPREG,
#if defined(__x86_64__) || defined(__i386__)
            NT_X86_XSTATE,
#elif defined(__aarch64__) || defined(__arm__)
            NT_ARM_VFP, NT_ARM_TLS, NT_ARM_SVE, NT_ARM_PAC_MASK,
#elif defined(__powerpc__)
            NT_PPC_VMX, NT_PPC_VSX,
#elif defined(__s390__)
            NT_S390_HIGH_GPRS, NT_S390_VXRS_LOW, NT_S390_VXRS_HIGH,
#elif defined(__riscv)
            0x900,  // NT_RISCV_CSR
#endif
            NT_SIGINFO,
    };
    return types;
}

thread_registers read_registers(pid_t thread, std::span<const std::uint32_t> types, std::error_code& ec) {
    thread_registers registers{thread, 0, {}};
    for (const std::uint32_t type : types) {
        std::vector<std::byte> bytes = type == NT_SIGINFO ? read_signal_info(thread, ec) : read_set(thread, type, ec);
        if (ec) break;
        if (!bytes.empty()) registers.sets.push_back({type, std::move(bytes)});
    }
    return registers;
}

std::error_code write_registers(pid_t thread, const thread_registers& from) {
    for (const register_set& set : from.sets) {
        if (!is_writable(set.type)) continue;
        std::vector<std::byte> bytes = set.bytes;
        if (set.type == NT_PRSTATUS) abandon_continued_call(bytes);
        iovec place{bytes.data(), bytes.size()};
        if (::ptrace(PTRACE_SETREGSET, thread, set.type, &place) != 0) return last_system_error();
    }
    return {};
}

}  // namespace vmio::detail
