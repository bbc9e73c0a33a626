// SPDX-License-Identifier: BSL-1.0
#include "inject/injected_call.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>

#include <elf.h>
#include <sys/mman.h>
#if __has_include(<sys/rseq.h>)
#include <sys/rseq.h>
#endif
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include <boost/test/unit_test.hpp>

#include <vmio/error.hpp>

#include "faults/seccomp.hpp"
#include "processes/child.hpp"
#include "processes/lap_process.hpp"
#include "processes/tiny_program.hpp"
#include "support/error_of.hpp"
#include "support/skip.hpp"

#ifdef VMIO_HAS_SIGNAL_FRAMES

using vmio::pause_guard;
using vmio::process;
using vmio::detail::injected_thread;
using vmio::detail::remote_call;

namespace {

/// Makes one call.
long injected(pid_t id, const remote_call& call) {
    const process target(id);
    const pause_guard pause(target);
    long result = 0;
    vmio::detail::with_injected_calls(target, pause, {}, [&](injected_thread& t) { result = t.call(call); });
    return result;
}

std::size_t descriptors_of(pid_t id) {
    const std::filesystem::directory_iterator all("/proc/" + std::to_string(id) + "/fd");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

/// Ends the process for getpid(2), as a sandbox does for what it does not expect.
void forbid_getpid() {
    test::end_at({SYS_getpid});
}

/// Whether some thread of this process may suspend the filters of another: root may, in most containers too.
boost::test_tools::assertion_result can_suspend_filters(boost::unit_test::test_unit_id) {
    const std::string need = "PTRACE_O_SUSPEND_SECCOMP";
    std::string line;
    bool capable = false;
    for (std::ifstream status("/proc/self/status"); std::getline(status, line);) {
        if (line.starts_with("CapEff:")) capable = (std::stoull(line.substr(8), nullptr, 16) >> 21 & 1) != 0;
        if (line.starts_with("Seccomp:") && line.back() != '0') return test::unless_missing(false, need);
    }
    return test::unless_missing(capable, need);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(injected_call)

BOOST_AUTO_TEST_CASE(a_call_made_in_a_target_returns_what_it_returns_there) {
    test::child_process child;
    BOOST_TEST(injected(child.id(), {SYS_getpid}) == child.id());
    BOOST_TEST(injected(child.id(), {SYS_getppid}) == ::getpid());
    BOOST_TEST(injected(child.id(), {SYS_close, {~0ull}}) == -EBADF);
}

BOOST_AUTO_TEST_CASE(all_six_arguments_of_a_call_arrive) {
    test::child_process child;
    const std::size_t size = vmio::page_size();
    const long place = injected(
        child.id(),
        {SYS_mmap, {0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, static_cast<std::uint64_t>(-1), 0}});
    BOOST_TEST_REQUIRE(place > 0);
    BOOST_TEST(injected(child.id(), {SYS_munmap, {static_cast<std::uint64_t>(place), size}}) == 0);
    // The file of the last argument's offset is not a multiple of the page size.
    BOOST_TEST(injected(child.id(), {SYS_mmap, {0, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, 0, 1}}) == -EINVAL);
}

BOOST_AUTO_TEST_CASE(several_calls_are_made_in_one_pause) {
    test::child_process child;
    const std::size_t before = descriptors_of(child.id());
    const process target(child.id());
    const pause_guard pause(target);
    vmio::detail::with_injected_calls(target, pause, {}, [&](injected_thread& t) {
        const long fd = t.call({SYS_dup, {0}});
        BOOST_TEST(fd > 0);
        BOOST_TEST(t.call({SYS_fcntl, {static_cast<std::uint64_t>(fd), 1 /* F_GETFD */}}) == 0);
        BOOST_TEST(t.call({SYS_close, {static_cast<std::uint64_t>(fd)}}) == 0);
    });
    BOOST_TEST(descriptors_of(child.id()) == before);
}

BOOST_AUTO_TEST_CASE(an_exception_of_the_work_reaches_the_caller_and_the_target_goes_on) {
    test::child_process child;
    const process target(child.id());
    {
        const pause_guard pause(target);
        const auto work = [](injected_thread& t) {
            t.call({SYS_getpid});
            throw std::runtime_error("enough");
        };
        BOOST_CHECK_THROW(vmio::detail::with_injected_calls(target, pause, {}, work), std::runtime_error);
    }
    BOOST_TEST(injected(child.id(), {SYS_getpid}) == child.id());
}

BOOST_AUTO_TEST_CASE(a_target_that_has_been_resumed_is_not_called) {
    test::child_process child;
    const process target(child.id());
    pause_guard pause(target);
    pause.resume();
    BOOST_TEST(test::error_of([&] { vmio::detail::with_injected_calls(target, pause, {}, [](injected_thread&) {}); }) ==
               ESRCH);
}

BOOST_AUTO_TEST_CASE(a_stopped_target_stays_stopped_after_a_call) {
    test::child_process child;
    test::must(::kill(child.id(), SIGSTOP) == 0, "kill");
    siginfo_t info{};
    test::must(::waitid(P_PID, static_cast<id_t>(child.id()), &info, WSTOPPED | WNOWAIT) == 0, "waitid");
    BOOST_TEST(injected(child.id(), {SYS_getpid}) == child.id());
    std::string line;
    do {
        std::ifstream status("/proc/" + std::to_string(child.id()) + "/status");
        while (std::getline(status, line) && !line.starts_with("State:")) {
        }
    } while (line.find('T') == line.npos);  // it may still be on its way
    ::kill(child.id(), SIGCONT);
}

BOOST_AUTO_TEST_CASE(a_target_with_a_filter_is_refused_with_words_and_lives,
                     *boost::unit_test::precondition(test::as_root)) {
    const int status = test::as_nobody([] {
        ::prctl(PR_SET_DUMPABLE, 1);
        test::child_process child(forbid_getpid);
        try {
            injected(child.id(), {SYS_getpid});
            return 1;
        } catch (const vmio::memory_error& e) {
            if (e.code().value() != EPERM || std::string(e.what()).find("seccomp filter") == std::string::npos)
                return 2;
        }
        return ::kill(child.id(), 0) == 0 && process(child.id()).alive() ? 0 : 3;
    });
    BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_CASE(a_filter_is_suspended_by_who_may, *boost::unit_test::precondition(can_suspend_filters)) {
    test::child_process child(forbid_getpid);
    BOOST_TEST(injected(child.id(), {SYS_getpid}) == child.id());
    BOOST_TEST(process(child.id()).alive());
}

#ifdef VMIO_TEST_HAS_LAPS

/// What an attempt to make a call is refused with: EOPNOTSUPP, and these words.
bool is_refused_for(pid_t id, const char* words) {
    try {
        injected(id, {SYS_getpid});
        return false;
    } catch (const vmio::memory_error& e) {
        BOOST_TEST_MESSAGE(e.what());
        return e.code().value() == EOPNOTSUPP && std::string(e.what()).find(words) != std::string::npos;
    }
}

boost::test_tools::assertion_result has_32_bit_programs(boost::unit_test::test_unit_id) {
    return test::unless_missing(test::tiny_program(test::tiny_machine::i386).runs(),
                                "a kernel that runs programs of 32 bits");
}

BOOST_AUTO_TEST_CASE(a_program_without_the_instructions_is_refused_with_words) {
    const test::tiny_program target(test::tiny_machine::x86_64);
    BOOST_TEST_REQUIRE(target.runs());
    BOOST_TEST(is_refused_for(target.id(), "executable memory"));
}

BOOST_AUTO_TEST_CASE(a_32_bit_program_is_refused_with_words, *boost::unit_test::precondition(has_32_bit_programs)) {
    const test::tiny_program target(test::tiny_machine::i386);
    BOOST_TEST((is_refused_for(target.id(), "32-bit") || is_refused_for(target.id(), "executable memory")));
}

/// Whether ptrace(2) of this kernel has a request that reads `size` bytes.
bool ptrace_has(int request, std::size_t size) {
    return test::in_a_process([=] {
               const pid_t id = ::fork();
               if (id == 0) {
                   ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
                   ::raise(SIGSTOP);
                   ::_exit(0);
               }
               std::array<std::byte, 64> bytes{};
               ::waitpid(id, nullptr, 0);
               const long got = ::ptrace(static_cast<__ptrace_request>(request), id, size, bytes.data());
               ::kill(id, SIGKILL);
               ::waitpid(id, nullptr, 0);
               return got >= 0 ? 0 : 1;
           }) == 0;
}

boost::test_tools::assertion_result has_dispatch(boost::unit_test::test_unit_id) {
    return test::unless_missing(ptrace_has(0x4211, 32), "PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG");
}

BOOST_AUTO_TEST_CASE(a_thread_that_dispatches_its_system_calls_is_refused,
                     *boost::unit_test::precondition(has_dispatch)) {
    static volatile char selector = 0;  // allow
    test::child_process child([] { ::prctl(59, 1, 0, 0, &selector); });
    BOOST_TEST(is_refused_for(child.id(), "dispatched"));
    BOOST_TEST(process(child.id()).alive());
}

BOOST_AUTO_TEST_CASE(a_thread_whose_stack_has_no_room_is_refused_and_nothing_is_written_below) {
    // The child reads with a stack pointer just above a page that it may not touch.
    const std::size_t page = vmio::page_size();
    auto* const area =
        static_cast<std::byte*>(::mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    int ends[2];
    test::must(::pipe(ends) == 0 && ::mprotect(area, page, PROT_NONE) == 0, "pipe");
    const pid_t id = ::fork();
    if (id == 0) {
        char byte = 0;
        asm volatile("mov %%rsp, %%rbx\n mov %[top], %%rsp\n syscall\n mov %%rbx, %%rsp\n"
                     :
                     : "a"(SYS_read), "D"(static_cast<long>(ends[0])), "S"(&byte), "d"(1l), [top] "r"(area + page + 256)
                     : "rbx", "rcx", "r11", "memory");
        ::_exit(byte == 'x' ? 0 : 1);
    }
    char state = 'r';
    while (state == 'r') std::ifstream("/proc/" + std::to_string(id) + "/syscall") >> state;
    BOOST_TEST(is_refused_for(id, "no room"));
    test::must(::write(ends[1], "x", 1) == 1, "write");
    int status = -1;
    ::waitpid(id, &status, 0);
    BOOST_TEST(status == 0);
    ::munmap(area, 2 * page);
    ::close(ends[0]);
    ::close(ends[1]);
}

#if __has_include(<sys/rseq.h>)

struct sequence_counts {
    std::atomic<unsigned long> aborts, release;
};

/// Begins a restartable sequence, stays in it until it is released, and begins it again when it has been aborted.
[[noreturn, gnu::noinline]] void stay_in_sequence(sequence_counts* counts) {
    char* own = nullptr;
    asm("mov %%fs:0, %0" : "=r"(own));
    asm volatile(
        ".pushsection .data\n.balign 32\n"
        "vmio_test_sequence: .long 0, 0\n.quad 2f, 3f - 2f, 4f\n.popsection\n"
        "1: lea vmio_test_sequence(%%rip), %%rax\n mov %%rax, %[current]\n"
        "2: cmpq $0, %[release]\n pause\n je 2b\n"
        "3: jmp 5f\n"
        ".long 0x53053053\n"  // the signature
        "4: incq %[aborts]\n jmp 1b\n"
        "5:\n"
        : [current] "=m"(*reinterpret_cast<std::uint64_t*>(own + __rseq_offset + 8)), [aborts] "+m"(counts->aborts)
        : [release] "m"(counts->release)
        : "rax", "memory", "cc");
    ::_exit(0);
}

boost::test_tools::assertion_result has_rseq(boost::unit_test::test_unit_id) {
    return test::unless_missing(__rseq_size != 0 && ptrace_has(0x420f, 24), "PTRACE_GET_RSEQ_CONFIGURATION");
}

BOOST_AUTO_TEST_CASE(a_restartable_sequence_begins_anew_after_a_call, *boost::unit_test::precondition(has_rseq)) {
    extern const std::array<std::uint64_t, 4> sequence asm("vmio_test_sequence");
    auto* const counts = static_cast<sequence_counts*>(
        ::mmap(nullptr, sizeof(sequence_counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    const pid_t id = ::fork();
    if (id == 0) stay_in_sequence(counts);
    unsigned long before = 0;
    for (bool was_inside = false; !was_inside;) {
        const process target(id);
        const pause_guard pause(target);
        before = counts->aborts;
        const auto registers = pause.registers().front().get<user_regs_struct>(NT_PRSTATUS);
        was_inside = registers->rip - sequence[1] < sequence[2];
        if (!was_inside) continue;
        vmio::detail::with_injected_calls(target, pause, {}, [](injected_thread& t) { t.call({SYS_getpid}); });
        BOOST_TEST(counts->aborts == before);
    }
    counts->release = 1;
    int status = -1;
    ::waitpid(id, &status, 0);
    BOOST_TEST(status == 0);
    BOOST_TEST(counts->aborts > before);
    ::munmap(counts, sizeof(sequence_counts));
}

#endif

BOOST_AUTO_TEST_CASE(a_thread_keeps_its_registers_its_mask_and_its_system_call) {
    for (const test::lap_kind kind : test::lap_kinds) {
        BOOST_TEST_CONTEXT(test::name_of(kind)) {
            test::lap_process target(kind);
            for (int i = 0; i < 50; ++i) {
                target.wait_until_inside();
                BOOST_TEST_REQUIRE(injected(target.id(), {SYS_getpid}) == target.id());
                BOOST_TEST_REQUIRE(target.proceed());
            }
            BOOST_TEST(target.faults() == 0u);
            BOOST_TEST(target.interrupted() == 0u);
        }
    }
}

BOOST_AUTO_TEST_CASE(the_stack_below_the_stack_pointer_is_as_it_was) {
    // What lies there is not to be relied on in C++, but is in a program whose stacks are small.
    test::lap_process target(test::lap_kind::reading);
    target.wait_until_inside();
    const process p(target.id());
    const pause_guard pause(p);
    const auto registers = pause.registers().front().get<user_regs_struct>(NT_PRSTATUS);
    BOOST_TEST_REQUIRE(registers.has_value());
    const auto below = [&] {
        std::vector<std::byte> bytes(16384);
        std::ifstream mem("/proc/" + std::to_string(target.id()) + "/mem", std::ios::binary);
        mem.seekg(static_cast<std::streamoff>(registers->rsp - bytes.size()));
        mem.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
        return bytes;
    };
    const std::vector<std::byte> before = below();
    vmio::detail::with_injected_calls(p, pause, {}, [&](injected_thread& t) {
        t.call({SYS_getpid});
        BOOST_TEST((below() != before));
    });
    BOOST_TEST((below() == before));
}

#endif

BOOST_AUTO_TEST_SUITE_END()

#endif
