// SPDX-License-Identifier: BSL-1.0
/// A paused target that would have to bring its own pages, as user-space pagers do.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <initializer_list>
#include <span>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <vmio/core_memory.hpp>
#include <vmio/error.hpp>
#include <vmio/pause_guard.hpp>
#include <vmio/process_memory.hpp>
#include <vmio/process_snapshot.hpp>
#include <vmio/write_core.hpp>

#include "processes/child.hpp"
#include "support/mapped.hpp"
#include "support/scratch.hpp"
#include "support/skip.hpp"

using test::shared;
using vmio::memory_error;
using vmio::pause_guard;
using vmio::process;
using namespace std::chrono_literals;

namespace {

/// Whether the process is traced.
bool is_traced(pid_t id) {
    std::ifstream file("/proc/" + std::to_string(id) + "/status");
    for (std::string line; std::getline(file, line);)
        if (line.starts_with("TracerPid:")) return line != "TracerPid:\t0";
    return false;
}

/// Whether user-mode page faults can be served: not without the call, or the right.
boost::test_tools::assertion_result serves_page_faults(boost::unit_test::test_unit_id) {
    const long fd = ::syscall(SYS_userfaultfd, O_CLOEXEC);
    if (fd >= 0) ::close(static_cast<int>(fd));
    return test::unless_missing(fd >= 0, "userfaultfd");
}

/// A child in which one thread brings the pages of `memory`, all bytes 'P'.
void serve_page_faults(std::initializer_list<char*> memory, std::size_t size, std::atomic<int>& served) {
    const int fd = static_cast<int>(::syscall(SYS_userfaultfd, O_CLOEXEC));
    uffdio_api api{};
    api.api = UFFD_API;
    test::must(fd >= 0 && ::ioctl(fd, UFFDIO_API, &api) == 0, "userfaultfd");
    for (char* const start : memory) {
        uffdio_register where{};
        where.range = {reinterpret_cast<std::uintptr_t>(start), size};
        where.mode = UFFDIO_REGISTER_MODE_MISSING;
        test::must(::ioctl(fd, UFFDIO_REGISTER, &where) == 0, "UFFDIO_REGISTER");
    }
    std::thread([fd, &served, one_page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))] {
        for (uffd_msg message;;) {
            if (::read(fd, &message, sizeof message) != sizeof message) continue;
            alignas(65536) static char bytes[65536];
            std::memset(bytes, 'P', sizeof bytes);
            uffdio_copy copy{};
            copy.dst = message.arg.pagefault.address & ~std::uint64_t{one_page - 1};
            copy.src = reinterpret_cast<std::uintptr_t>(bytes);
            copy.len = one_page;
            ++served;
            ::ioctl(fd, UFFDIO_COPY, &copy);
        }
    }).detach();
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_read_that_waits_for_the_paused_target_itself_lets_it_go,
                     *boost::unit_test::precondition(serves_page_faults)) {
    const std::size_t size = 16 * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    auto* const memory =
        static_cast<char*>(::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    BOOST_REQUIRE(memory != MAP_FAILED);
    auto* const served = shared<std::atomic<int>>();
    const test::child_process target([&] { serve_page_faults({memory}, size, *served); });
    const process handle(target.id());
    const vmio::process_memory reader(handle);
    pause_guard guard(handle, {.page_timeout = 50ms});
    BOOST_TEST(guard.holds());
    guard.check();
    // By /proc/PID/mem the kernel does not wait for such a page.
    const vmio::process_memory by_mem(handle, {.method = vmio::transfer_method::proc_mem});
    std::byte byte{};
    std::error_code ec;
    BOOST_TEST(by_mem.read_some(vmio::address_of(memory), std::span(&byte, 1), ec) == 0u);
    BOOST_TEST(ec.value() == EIO);
    BOOST_TEST(guard.holds());
    BOOST_TEST(*served == 0);
    BOOST_TEST(reader.read_value<char>(vmio::address_of(memory)) == 'P');
    BOOST_TEST(*served == 1);
    BOOST_TEST(!guard.holds());
    BOOST_CHECK_EXCEPTION(guard.check(), memory_error, [](const memory_error& e) {
        return e.code().value() == EDEADLK && std::string(e.what()).find("was let go") != std::string::npos;
    });
    BOOST_TEST(guard.registers().empty());
    guard.resume();
    // Nothing of the pause is left.
    const pause_guard again(handle, {.page_timeout = 50ms});
    BOOST_TEST(reader.read_value<char>(vmio::address_of(memory)) == 'P');
    BOOST_TEST(again.holds());
    ::munmap(memory, size);
}

BOOST_AUTO_TEST_CASE(a_paused_capture_of_a_target_that_serves_its_own_pages_has_gaps_where_none_is_resident,
                     *boost::unit_test::precondition(serves_page_faults)) {
    const std::size_t size = 16 * vmio::page_size();
    const auto map = [&] {
        return static_cast<char*>(::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    };
    char* first = map();
    char* second = map();
    BOOST_REQUIRE((first != MAP_FAILED && second != MAP_FAILED));
    if (first > second) std::swap(first, second);
    auto* const served = shared<std::atomic<int>>();
    const auto range_of = [&](char* start) { return vmio::address_range::of_size(vmio::address_of(start), size); };
    const test::child_process target([&] { serve_page_faults({first, second}, size, *served); });
    vmio::process_memory(process(target.id())).read_value<char>(vmio::address_of(second));
    vmio::capture_options options;
    options.pause = true;
    options.pause_limits.page_timeout = 50ms;
    options.regions.use_backing_files = false;
    options.ranges = {range_of(first), range_of(second)};
    const auto snapshot = vmio::process_snapshot::capture(process(target.id()), options);
    // The read that was waited for brought pages of the first, and none was waited for after.
    std::vector<char> bytes(size);
    std::error_code ec;
    BOOST_TEST(snapshot.read_some(range_of(first).start(), std::as_writable_bytes(std::span(bytes).first(1)), ec) ==
               1u);
    BOOST_TEST(bytes[0] == 'P');
    BOOST_TEST(snapshot.read_some(range_of(second).start(), std::as_writable_bytes(std::span(bytes)), ec) ==
               vmio::page_size());
    BOOST_TEST(bytes[0] == 'P');
    BOOST_REQUIRE(!snapshot.gaps().empty());
    BOOST_TEST((snapshot.gaps().back().reason == vmio::gap_reason::input_output));
    BOOST_TEST(snapshot.gaps().back().range.start() == range_of(second).start() + vmio::page_size());
    BOOST_TEST(snapshot.gaps().back().range.end() == range_of(second).end());
    BOOST_TEST(!is_traced(target.id()));

    ::munmap(first, size);
    ::munmap(second, size);
}

BOOST_AUTO_TEST_CASE(a_core_of_a_target_that_serves_its_own_pages_has_gaps_where_none_is_resident,
                     *boost::unit_test::precondition(serves_page_faults)) {
    const std::size_t size = 16 * vmio::page_size();
    const auto map = [&](int flags) {
        return static_cast<char*>(::mmap(nullptr, size, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0));
    };
    char* const own = map(MAP_PRIVATE);
    char* const common = map(MAP_SHARED);
    BOOST_REQUIRE((own != MAP_FAILED && common != MAP_FAILED));
    auto* const served = shared<std::atomic<int>>();
    const test::child_process target([&] { serve_page_faults({own, common}, size, *served); });
    const vmio::process_memory live{process(target.id())};
    for (char* const start : {own, common}) live.read_value<char>(vmio::address_of(start + vmio::page_size()));
    for (const bool pause : {true, false}) {
        vmio::core_options options;
        options.pause = pause;
        options.pause_limits.page_timeout = 50ms;
        options.wanted = [&](const vmio::mapping& m) {
            return m.range.contains(vmio::address_of(own)) || m.range.contains(vmio::address_of(common));
        };
        const test::scratch_directory directory;
        const auto gaps = write_core(process(target.id()), std::filesystem::path(directory / "core"), options).gaps;
        const auto has_gap = [&](vmio::address from, vmio::address to) {
            const vmio::memory_gap gap{{from, to}, vmio::gap_reason::input_output};
            return std::find(gaps.begin(), gaps.end(), gap) != gaps.end();
        };
        const vmio::address start = vmio::address_of(own);
        BOOST_TEST(has_gap(start, start + vmio::page_size()));
        BOOST_TEST(has_gap(start + 2 * vmio::page_size(), start + size));
        const auto core = vmio::core_memory::open(directory / "core");
        std::vector<char> bytes(size);
        std::error_code ec;
        BOOST_TEST(core.read_some(start, std::as_writable_bytes(std::span(bytes)), ec) == 0u);
        BOOST_TEST(core.read_some(start + vmio::page_size(), std::as_writable_bytes(std::span(bytes)), ec) ==
                   vmio::page_size());
        BOOST_TEST(bytes[0] == 'P');
        const auto of_common = vmio::address_of(common) + vmio::page_size();
        BOOST_TEST(core.read_some(of_common, std::as_writable_bytes(std::span(bytes)).first(1), ec) == 1u);
        BOOST_TEST(bytes[0] == 'P');
        BOOST_TEST(*served == 2);  // none for the core
    }
    BOOST_TEST(!is_traced(target.id()));
    ::munmap(own, size);
    ::munmap(common, size);
}

BOOST_AUTO_TEST_CASE(a_process_that_may_not_look_at_itself_notices_such_a_read,
                     *boost::unit_test::precondition(test::as_root)) {
    const std::size_t size = 16 * vmio::page_size();
    auto* const memory =
        static_cast<char*>(::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    BOOST_REQUIRE(memory != MAP_FAILED);
    auto* const served = shared<std::atomic<int>>();
    const test::child_process target([&] {
        serve_page_faults({memory}, size, *served);
        test::must(::setgid(65534) == 0 && ::setuid(65534) == 0, "setuid");
        ::prctl(PR_SET_DUMPABLE, 1);
    });
    BOOST_TEST(test::as_nobody([&] {  // not dumpable, after setuid(2); and the shared memory cannot be read as a file
                   const process handle(target.id());
                   const vmio::process_memory reader(handle);
                   {
                       const pause_guard guard(handle, {.page_timeout = 50ms});
                       if (reader.read_value<char>(vmio::address_of(memory)) != 'P' || guard.holds()) return 1;
                   }
                   // A core is written without such a read.
                   vmio::core_options core;
                   core.pause_limits.page_timeout = 50ms;
                   core.wanted = [&](const vmio::mapping& m) { return m.range.contains(vmio::address_of(memory)); };
                   std::ostringstream to;
                   const auto gaps = vmio::write_core(handle, to, core).gaps;
                   const auto is_absent = [&](const vmio::memory_gap& gap) {
                       return gap.range.contains(vmio::address_of(memory) + vmio::page_size()) &&
                              gap.reason == vmio::gap_reason::input_output;
                   };
                   return std::any_of(gaps.begin(), gaps.end(), is_absent) ? 0 : 2;
               }) == 0);
    BOOST_TEST(!is_traced(target.id()));
    ::munmap(memory, size);
}
