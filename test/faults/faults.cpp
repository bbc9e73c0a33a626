// SPDX-License-Identifier: BSL-1.0
// A file of its own: where the compiler can see both sides, it warns of mixing new with free.
#include "faults/faults.hpp"

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <new>
#include <sstream>
#include <thread>
#include <vector>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "processes/child.hpp"

namespace test {
namespace {

std::atomic<bool> armed{false};
std::atomic<bool> happened{false};
std::atomic<bool> lasting{false};
std::atomic<long> countdown{0};
std::atomic<long> live_allocations{0};
std::atomic<bool> refuses_allocations{false};

/// Of a call that is counted: whether it is to fail.
bool is_refused() {
    if (!armed) return false;
    const long left = countdown--;
    if (left > 0 || (left < 0 && !lasting)) return false;
    happened = true;
    return true;
}

struct refused_call {
    long number;
    int error;
};

std::vector<refused_call> calls_of(fault kind) {
    switch (kind) {
        case fault::allocation: return {};
        case fault::descriptor:
            return {
#ifdef SYS_open
                {SYS_open, EMFILE},
#endif
                {SYS_openat, EMFILE}, {SYS_memfd_create, EMFILE}, {SYS_pidfd_open, EMFILE}, {SYS_epoll_create1, EMFILE},
                {SYS_pipe2, EMFILE},  {SYS_eventfd2, EMFILE},     {SYS_dup, EMFILE},        {SYS_dup3, EMFILE}};
        // Not brk(2), which has no way to fail with -ENOMEM: malloc is refused as operator new.
        case fault::memory:
            return {{SYS_mmap, ENOMEM},      {SYS_mremap, ENOMEM},       {SYS_mprotect, ENOMEM}, {SYS_madvise, ENOMEM},
                    {SYS_ftruncate, ENOSPC}, {SYS_memfd_create, ENOMEM}, {SYS_clone, EAGAIN},    {SYS_clone3, EAGAIN}};
        case fault::storage:
            return {{SYS_write, ENOSPC},     {SYS_writev, ENOSPC},    {SYS_pwrite64, ENOSPC},
                    {SYS_pwritev, ENOSPC},   {SYS_sendfile, ENOSPC},  {SYS_ftruncate, ENOSPC},
                    {SYS_fallocate, ENOSPC}, {SYS_renameat2, ENOSPC}, {SYS_renameat, ENOSPC},
#ifdef SYS_rename
                    {SYS_rename, ENOSPC},
#endif
                    {SYS_fsync, EIO}};
    }
    return {};
}

/// Answers for the kernel: a call is made, or fails with the error that it has in `calls`. Never allocates: whoever
/// waits for the answer may hold the allocator's lock.
[[noreturn]] void decide(const std::atomic<int>& announced, const std::vector<refused_call>& calls) {
    announced.wait(-1);
    const int listener = announced;
    for (;;) {
        seccomp_notif asked{};
        if (::ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &asked) != 0) continue;  // it has ended meanwhile
        seccomp_notif_resp answer{};
        answer.id = asked.id;
        answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
        if (is_refused()) {
            answer.flags = 0;
            for (const refused_call& call : calls)
                if (call.number == asked.data.nr) answer.error = -call.error;
        }
        ::ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
    }
}

/// For this thread and those that it makes.
int ask_at(const std::vector<refused_call>& calls) {
    std::vector<sock_filter> program;
    program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
    for (const refused_call& call : calls) {
        program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(call.number), 0, 1));
        program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF));
    }
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
    must(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
    const long listener = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter);
    must(listener >= 0, "seccomp");
    return static_cast<int>(listener);
}

/// All of a file of /proc, without operator new.
template <class F>
void for_each_line(const char* path, F&& f) {
    FILE* const file = std::fopen(path, "re");
    must(file != nullptr, path);
    for (char line[5000]; std::fgets(line, sizeof line, file) != nullptr;) f(std::string_view(line));
    std::fclose(file);
}

}  // namespace

void prepare_faults(fault kind) {
    ::mallopt(M_ARENA_MAX, 1);  // or each thread would leave one
    refuses_allocations = kind == fault::allocation;
    if (kind == fault::allocation) return;
    static const std::vector<refused_call> calls = calls_of(kind);
    static std::atomic<int> listener{-1};
    std::thread([] { decide(listener, calls); }).detach();  // before, or it would have to ask itself
    listener = ask_at(calls);
    listener.notify_one();
}

void set_fault(std::size_t k, fault_length length) {
    happened = false;
    lasting = length == fault_length::lasting;
    countdown = static_cast<long>(k);
}

bool fault_happened() {
    return happened;
}

faults_armed::faults_armed() {
    armed = true;
}

faults_armed::~faults_armed() {
    armed = false;
}

holdings holdings::now() {
    holdings h;
    h.allocations = live_allocations;
    h.common = resources::now();
    h.common.heap = 0;  // what malloc keeps for later counts there
    const auto count = [](const char* directory) {
        std::size_t entries = 0;
        for (const auto& entry : std::filesystem::directory_iterator(directory))
            entries += entry.path().empty() ? 0 : 1;
        return entries;
    };
    h.threads = count("/proc/self/task");
    for_each_line(("/proc/self/task/" + std::to_string(::getpid()) + "/children").c_str(), [&](std::string_view line) {
        for (const char c : line) h.processes += c == ' ' ? 1 : 0;
    });
#ifndef VMIO_TEST_SANITIZED
    for_each_line("/proc/self/maps", [&](std::string_view line) {
        unsigned long start = 0;
        unsigned long end = 0;
        if (std::sscanf(line.data(), "%lx-%lx", &start, &end) == 2 && line.find("[stack]") == line.npos)
            h.mapped += end - start;
    });
    const struct mallinfo2 info = ::mallinfo2();
    h.mapped -= info.arena + info.hblkhd;
#endif
    return h;
}

std::ostream& operator<<(std::ostream& to, const holdings& h) {
    return to << h.common << ", " << h.allocations << " allocations, " << h.mapped << " bytes mapped, " << h.threads
              << " threads, " << h.processes << " processes";
}

}  // namespace test

void* operator new(std::size_t size) {
    if (test::refuses_allocations && test::is_refused()) throw std::bad_alloc();
    void* const p = std::malloc(size);
    if (p == nullptr) throw std::bad_alloc();
    ++test::live_allocations;
    return p;
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    try {
        return operator new(size);
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}
void* operator new[](std::size_t size) {
    return operator new(size);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
    if (test::refuses_allocations && test::is_refused()) throw std::bad_alloc();
    const auto a = static_cast<std::size_t>(alignment);
    void* const p = std::aligned_alloc(a, (size + a - 1) / a * a);
    if (p == nullptr) throw std::bad_alloc();
    ++test::live_allocations;
    return p;
}
void operator delete(void* p) noexcept {
    if (p != nullptr) --test::live_allocations;
    std::free(p);
}
void operator delete(void* p, std::size_t) noexcept {
    operator delete(p);
}
void operator delete(void* p, std::align_val_t) noexcept {
    operator delete(p);
}
void operator delete(void* p, std::size_t, std::align_val_t) noexcept {
    operator delete(p);
}
void operator delete[](void* p) noexcept {
    operator delete(p);
}
void operator delete[](void* p, std::size_t) noexcept {
    operator delete(p);
}
