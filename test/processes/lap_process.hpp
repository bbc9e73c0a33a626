// SPDX-License-Identifier: BSL-1.0
/// A process of one thread that checks in laps whether anything of its own state has changed.
#pragma once

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <string>

#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "processes/child.hpp"

#if defined(__x86_64__) && !defined(__ILP32__)
#define VMIO_TEST_HAS_LAPS 1

namespace test {

enum class lap_kind { computing, sleeping, waiting_in_futex, polling, reading };

constexpr std::array<lap_kind, 5> lap_kinds{lap_kind::computing, lap_kind::sleeping, lap_kind::waiting_in_futex,
                                            lap_kind::polling, lap_kind::reading};

inline const char* name_of(lap_kind kind) {
    constexpr const char* names[]{"computing", "sleeping", "waiting in futex", "polling", "reading"};
    return names[static_cast<int>(kind)];
}

/// Registers, and words of the red zone, that are loaded, left alone during a system call or a computation, and
/// compared.
struct register_lap {
    bool wide = __builtin_cpu_supports("avx2") != 0;
    alignas(32) std::array<std::uint64_t, 64> vectors{}, vectors_after{};
    std::array<std::uint64_t, 5> words{}, words_after{};

    /// Makes a system call, or counts `arguments[0]` down if `number` is below 0. Returns: its result.
    [[gnu::noinline]] long run(long number, const std::array<std::uint64_t, 4>& arguments, std::uint64_t seed) {
        for (std::uint64_t& v : vectors) v = seed = seed * 6364136223846793005u + 1442695040888963407u;
        for (std::uint64_t& w : words) w = seed = seed * 6364136223846793005u + 1442695040888963407u;
        return wide ? run_wide(number, arguments) : run_narrow(number, arguments);
    }
    bool is_kept() const {
        return words == words_after && std::memcmp(&vectors, &vectors_after, wide ? 512 : 256) == 0;
    }

private:
#define VMIO_LAP(LOAD, STORE)                                                                                     \
    long result = number;                                                                                         \
    std::uint64_t rdi = arguments[0], rsi = arguments[1], rdx = arguments[2];                                     \
    register std::uint64_t r10 asm("r10") = arguments[3];                                                         \
    register const void* from asm("r8") = this;                                                                   \
    asm volatile(LOAD                                                                                             \
                 "mov %c[words](%%r8), %%rbx\n mov %c[words]+8(%%r8), %%r12\n mov %c[words]+16(%%r8), %%r13\n"    \
                 "mov %c[words]+24(%%r8), %%r14\n mov %c[words]+32(%%r8), %%r15\n"                                \
                 "lea -512(%%rsp), %%rsp\n mov %%rbx, -8(%%rsp)\n mov %%r12, -120(%%rsp)\n"                       \
                 "test %%rax, %%rax\n js 1f\n syscall\n jmp 2f\n"                                                 \
                 "1: dec %%rdi\n jnz 1b\n"                                                                        \
                 "2:\n" STORE                                                                                     \
                 "mov -8(%%rsp), %%rbx\n mov -120(%%rsp), %%r12\n lea 512(%%rsp), %%rsp\n"                        \
                 "mov %%rbx, %c[after](%%r8)\n mov %%r12, %c[after]+8(%%r8)\n mov %%r13, %c[after]+16(%%r8)\n"    \
                 "mov %%r14, %c[after]+24(%%r8)\n mov %%r15, %c[after]+32(%%r8)\n"                                \
                 : "+a"(result), "+D"(rdi), "+S"(rsi), "+d"(rdx), "+r"(r10), "+r"(from)                           \
                 : [words] "i"(offsetof(register_lap, words)), [after] "i"(offsetof(register_lap, words_after)),  \
                   [in] "i"(offsetof(register_lap, vectors)), [out] "i"(offsetof(register_lap, vectors_after))    \
                 : "memory", "cc", "rbx", "rcx", "r9", "r11", "r12", "r13", "r14", "r15", "xmm0", "xmm1", "xmm2", \
                   "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13",    \
                   "xmm14", "xmm15");                                                                             \
    return result
#define VMIO_LAP_ALL(M) M(0) M(1) M(2) M(3) M(4) M(5) M(6) M(7) M(8) M(9) M(10) M(11) M(12) M(13) M(14) M(15)
#define VMIO_LAP_LOAD_WIDE(N) "vmovdqu %c[in]+32*" #N "(%%r8), %%ymm" #N "\n"
#define VMIO_LAP_STORE_WIDE(N) "vmovdqu %%ymm" #N ", %c[out]+32*" #N "(%%r8)\n"
#define VMIO_LAP_LOAD(N) "movdqu %c[in]+16*" #N "(%%r8), %%xmm" #N "\n"
#define VMIO_LAP_STORE(N) "movdqu %%xmm" #N ", %c[out]+16*" #N "(%%r8)\n"

    [[gnu::noinline]] long run_wide(long number, const std::array<std::uint64_t, 4>& arguments) {
        VMIO_LAP(VMIO_LAP_ALL(VMIO_LAP_LOAD_WIDE), VMIO_LAP_ALL(VMIO_LAP_STORE_WIDE) "vzeroupper\n");
    }
    [[gnu::noinline]] long run_narrow(long number, const std::array<std::uint64_t, 4>& arguments) {
        VMIO_LAP(VMIO_LAP_ALL(VMIO_LAP_LOAD), VMIO_LAP_ALL(VMIO_LAP_STORE));
    }
#undef VMIO_LAP
#undef VMIO_LAP_ALL
#undef VMIO_LAP_LOAD_WIDE
#undef VMIO_LAP_STORE_WIDE
#undef VMIO_LAP_LOAD
#undef VMIO_LAP_STORE
};

class lap_process {
public:
    explicit lap_process(lap_kind kind)
        : kind_(kind),
          shared_(static_cast<shared*>(
              ::mmap(nullptr, sizeof(shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {
        must(::pipe(pipe_) == 0, "pipe");
        id_ = ::fork();
        must(id_ >= 0, "fork");
        if (id_ == 0) run();
        proceed();
    }
    lap_process(const lap_process&) = delete;
    lap_process& operator=(const lap_process&) = delete;
    ~lap_process() {
        ::kill(id_, SIGKILL);
        if (!ended_) ::waitpid(id_, nullptr, __WALL);
        ::close(pipe_[0]);
        ::close(pipe_[1]);
        ::munmap(shared_, sizeof(shared));
    }

    pid_t id() const { return id_; }
    lap_kind kind() const { return kind_; }

    /// Lets it complete laps, more than one that may have begun before. Returns: whether it did, with nothing changed.
    bool proceed() {
        const unsigned long wanted = shared_->laps + 2;
        while (shared_->laps < wanted && !has_ended() && shared_->faults == 0) {
            if (kind_ == lap_kind::reading) must(::write(pipe_[1], "x", 1) == 1, "write");
            if (kind_ == lap_kind::waiting_in_futex)
                ::syscall(SYS_futex, &shared_->word, FUTEX_WAKE, 1, nullptr, nullptr, 0);
            ::sched_yield();
        }
        return shared_->laps >= wanted && shared_->faults == 0;
    }

    /// Waits until it is in its system call again, where it is to be met.
    void wait_until_inside() const {
        if (kind_ == lap_kind::computing || kind_ == lap_kind::sleeping || kind_ == lap_kind::polling) return;
        const std::string place = "/proc/" + std::to_string(id_) + "/syscall";
        for (char first = 'r'; first == 'r';) {
            std::FILE* const file = std::fopen(place.c_str(), "r");
            if (file == nullptr || std::fread(&first, 1, 1, file) != 1) first = 0;
            if (file != nullptr) std::fclose(file);
        }
    }

    /// What differed in some lap: a sum of 1 registers, 2 result, 4 mask, 8 alternate stack, 16 protection keys.
    unsigned faults() const { return shared_->faults; }
    /// System calls that returned EINTR.
    unsigned long interrupted() const { return shared_->interrupted; }

    bool has_ended() {
        siginfo_t info{};
        return ended_ ||
               (::waitid(P_PID, static_cast<id_t>(id_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == id_);
    }

private:
    struct shared {
        std::atomic<unsigned long> laps, interrupted;
        std::atomic<unsigned> faults;
        std::atomic<int> word;
    };

    static unsigned protection_keys() {
        unsigned a = 0, b = 0, c = 0, d = 0;
        asm volatile("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(7), "c"(0));
        if ((c & 1u << 4) == 0) return 0;
        asm volatile(".byte 0x0f, 0x01, 0xee" : "=a"(a), "=d"(d) : "c"(0));  // rdpkru
        return a;
    }

    [[noreturn, gnu::no_profile_instrument_function]] void run() {
        static std::byte alternate[65536];
        static register_lap lap;
        stack_t stack{};
        stack.ss_sp = alternate;
        stack.ss_size = sizeof alternate;
        sigset_t mask;
        ::sigemptyset(&mask);
        ::sigaddset(&mask, SIGUSR1);
        ::sigaddset(&mask, SIGRTMIN + 3);
        must(::sigaltstack(&stack, nullptr) == 0 && ::sigprocmask(SIG_SETMASK, &mask, nullptr) == 0, "signals");
        const unsigned keys = protection_keys();
        char byte = 0;
        const timespec nap{0, 2000000};
        long number = -1;
        std::array<std::uint64_t, 4> arguments{200000};
        const auto word = reinterpret_cast<std::uintptr_t>(&shared_->word);
        switch (kind_) {
            case lap_kind::computing: break;
            case lap_kind::sleeping:
                number = SYS_nanosleep, arguments = {reinterpret_cast<std::uintptr_t>(&nap)};
                break;
            case lap_kind::waiting_in_futex: number = SYS_futex, arguments = {word, FUTEX_WAIT, 0, 0}; break;
            case lap_kind::polling: number = SYS_poll, arguments = {0, 0, 2}; break;
            case lap_kind::reading:
                number = SYS_read;
                arguments = {static_cast<std::uint64_t>(pipe_[0]), reinterpret_cast<std::uintptr_t>(&byte), 1};
                break;
        }
        for (std::uint64_t seed = 1;; ++seed) {
            const long result = lap.run(number, arguments, seed);
            const long wanted = kind_ == lap_kind::computing ? -1 : kind_ == lap_kind::reading ? 1 : 0;
            const bool may_be_interrupted = kind_ == lap_kind::sleeping || kind_ == lap_kind::polling;
            sigset_t now;
            stack_t stack_now{};
            ::sigemptyset(&now);
            ::sigprocmask(SIG_SETMASK, nullptr, &now);
            ::sigaltstack(nullptr, &stack_now);
            unsigned faults = 0;
            if (!lap.is_kept()) faults |= 1;
            if (result == -EINTR && may_be_interrupted)
                ++shared_->interrupted;
            else if (result != wanted)
                faults |= 2;
            if (std::memcmp(&now, &mask, 8) != 0) faults |= 4;
            if (stack_now.ss_sp != stack.ss_sp || stack_now.ss_size != stack.ss_size || stack_now.ss_flags != 0)
                faults |= 8;
            if (protection_keys() != keys) faults |= 16;
            shared_->faults |= faults;
            ++shared_->laps;
        }
    }

    lap_kind kind_;
    shared* shared_;
    int pipe_[2]{};
    pid_t id_ = 0;
    bool ended_ = false;
};

}  // namespace test

#endif
