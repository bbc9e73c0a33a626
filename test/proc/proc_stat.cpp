// SPDX-License-Identifier: BSL-1.0
#include "proc/proc_stat.hpp"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "processes/child.hpp"
#include "support/scratch.hpp"

using vmio::detail::proc_stat;
using vmio::detail::read_proc_stat;

namespace {

/// The error of a file with this text.
int error_of(const std::string& text, proc_stat& status) {
    const int file = ::memfd_create("stat", MFD_CLOEXEC);
    test::must(::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()), "write");
    const std::error_code ec = read_proc_stat(file, status);
    ::close(file);
    return ec.value();
}

/// The fields from the fourth to the one before the last of which is `last`; field n is n, but flags and pending.
std::string fields(int last, unsigned long flags = 9, unsigned long pending = 31) {
    std::string text;
    for (int n = 4; n <= last; ++n)
        text += " " + (n == 9    ? std::to_string(flags)
                       : n == 31 ? std::to_string(pending)
                       : n == 8  ? std::string("-1")
                                 : std::to_string(n));
    return text + "\n";
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_fields_are_counted_from_the_last_parenthesis) {
    for (const char* name : {"cat", ")", ") Z 0 0 0", "a) X (", "((", "\n) Z\n", ""}) {
        proc_stat s;
        BOOST_TEST(error_of("7 (" + std::string(name) + ") S" + fields(52), s) == 0);
        BOOST_TEST(s.state == 'S');
        BOOST_TEST(s.parent == 4);
        BOOST_TEST(s.process_group == 5);
        BOOST_TEST(s.session == 6);
        BOOST_TEST(s.flags == 9u);
        BOOST_TEST(s.nice == 19);
        BOOST_TEST(s.threads == 20u);
        BOOST_TEST(s.start_code == 26u);
        BOOST_TEST(s.end_code == 27u);
        BOOST_TEST(s.start_stack == 28u);
        BOOST_TEST(s.start_data == 45u);
        BOOST_TEST(s.end_data == 46u);
        BOOST_TEST(s.layout_known());
        BOOST_TEST(!s.ended());
    }
}

BOOST_AUTO_TEST_CASE(a_text_that_ends_early_has_what_it_has_or_is_refused) {
    for (int last = 3; last <= 52; ++last) {
        proc_stat s;
        BOOST_TEST(error_of("7 (cat) R" + fields(last), s) == (last < 9 ? EINVAL : 0));
        BOOST_TEST(s.layout_known() == (last >= 28));
    }
    proc_stat s;
    for (const char* text : {"7 (cat", "7 (cat)", "7 (cat) ", "7 (cat) 5 1 1 1 1 1 1", "no sense"})
        BOOST_TEST(error_of(text, s) == EINVAL);
    BOOST_TEST(error_of("", s) == ESRCH);
}

BOOST_AUTO_TEST_CASE(a_thread_that_was_killed_or_is_on_its_way_out_is_exiting) {
    const auto exiting = [](const char* state, unsigned long flags, unsigned long pending) {
        proc_stat s;
        BOOST_TEST(error_of("7 (cat) " + std::string(state) + fields(52, flags, pending), s) == 0);
        return s.exiting();
    };
    BOOST_TEST(!exiting("R", 0x400100, 0));
    BOOST_TEST(exiting("R", 0x400104, 0));
    BOOST_TEST(exiting("Z", 0x400100, 0));
    BOOST_TEST(exiting("D", 0x400100, 1u << 8));
    BOOST_TEST(!exiting("D", 0x400100, 1u << 9));
}

BOOST_AUTO_TEST_CASE(a_process_of_which_no_thread_runs_on_is_exiting) {
    test::child_process child;
    const auto directory = [&] {
        return ::open(("/proc/" + std::to_string(child.id())).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    };
    const int opened = directory();
    BOOST_TEST(!vmio::detail::all_threads_exiting(opened));
    BOOST_TEST(!vmio::detail::all_threads_exiting(-1));
    child.kill();
    BOOST_TEST(vmio::detail::all_threads_exiting(opened));
    child.end();
    BOOST_TEST(vmio::detail::all_threads_exiting(opened));
    ::close(opened);
    const int ours = ::open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
    BOOST_TEST(!vmio::detail::all_threads_exiting(ours));
    ::close(ours);
}

BOOST_AUTO_TEST_CASE(a_process_with_more_threads_than_were_listed_is_not_exiting) {
    // As it looks while a thread that began after the listing calls exec(2) and ends the others.
    const test::scratch_directory directory;
    std::filesystem::create_directories(directory / "task/7");
    const auto exiting_with = [&](int threads) {
        std::ofstream(directory / "task/7/stat")
            << "7 (cat) Z 1 1 1 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 " << threads << " 0 100 0 0 0\n";
        const int opened = ::open(directory.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
        const bool exiting = vmio::detail::all_threads_exiting(opened);
        ::close(opened);
        return exiting;
    };
    BOOST_TEST(exiting_with(1));
    BOOST_TEST(!exiting_with(2));
}
