// SPDX-License-Identifier: BSL-1.0
#include "base/file_writing.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <limits>

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <boost/test/unit_test.hpp>

#include "base/file_descriptor.hpp"
#include "processes/child.hpp"

namespace {

using vmio::detail::set_file_size;
using vmio::detail::write_whole;

constexpr std::array<std::byte, 8> bytes{};

vmio::detail::file_descriptor limited_memfd() {
    const rlimit limit{4, 4};
    test::must(::setrlimit(RLIMIT_FSIZE, &limit) == 0, "setrlimit");
    return vmio::detail::file_descriptor(::memfd_create("test", MFD_CLOEXEC));
}

bool is_pending(int signal) {
    sigset_t set;
    test::must(::sigpending(&set) == 0, "sigpending");
    return ::sigismember(&set, signal) == 1;
}

bool is_blocked(int signal) {
    sigset_t set;
    test::must(::pthread_sigmask(SIG_BLOCK, nullptr, &set) == 0, "pthread_sigmask");
    return ::sigismember(&set, signal) == 1;
}

void block(int signal) {
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, signal);
    test::must(::pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0, "pthread_sigmask");
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_file_past_the_limit_is_an_error_and_no_signal) {
    BOOST_TEST(test::in_a_process([] {
                   const auto file = limited_memfd();
                   if (write_whole(file.get(), 0, bytes).value() != EFBIG) return 1;
                   struct stat status;
                   if (::fstat(file.get(), &status) != 0 || status.st_size != 4) return 2;  // what the limit allows
                   if (set_file_size(file.get(), 5).value() != EFBIG) return 3;
                   if (set_file_size(file.get(), 3)) return 4;
                   return is_blocked(SIGXFSZ) || is_pending(SIGXFSZ) ? 5 : 0;
               }) == 0);
}

BOOST_AUTO_TEST_CASE(a_signal_that_the_program_has_blocked_stays_as_it_was) {
    BOOST_TEST(test::in_a_process([] {
                   const auto file = limited_memfd();
                   block(SIGXFSZ);
                   if (write_whole(file.get(), 0, bytes).value() != EFBIG || is_pending(SIGXFSZ)) return 1;
                   ::raise(SIGXFSZ);
                   if (write_whole(file.get(), 0, bytes).value() != EFBIG || !is_pending(SIGXFSZ)) return 2;
                   return is_blocked(SIGXFSZ) ? 0 : 3;
               }) == 0);
}

BOOST_AUTO_TEST_CASE(a_size_that_no_file_can_have_is_an_error) {
    const vmio::detail::file_descriptor file(::memfd_create("test", MFD_CLOEXEC));
    BOOST_TEST(set_file_size(file.get(), std::numeric_limits<std::uint64_t>::max()).value() == EFBIG);
    BOOST_TEST(!write_whole(file.get(), 0, {}));
}
