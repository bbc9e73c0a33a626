// SPDX-License-Identifier: BSL-1.0
#include <vmio/error.hpp>

#include <cerrno>
#include <string>
#include <type_traits>

#include <sys/syscall.h>

#include <boost/test/unit_test.hpp>

#include "faults/seccomp.hpp"
#include "processes/child.hpp"

using vmio::errc;
using vmio::memory_error;

namespace {
std::error_code system_code(int number) {
    return {number, std::system_category()};
}
}  // namespace

BOOST_AUTO_TEST_CASE(an_error_carries_operation_address_and_process) {
    const memory_error e("process_vm_readv", 4242, 0x7f0012345678, system_code(EFAULT));
    BOOST_TEST(e.operation() == std::string("process_vm_readv"));
    BOOST_TEST(e.process_id() == 4242);
    BOOST_TEST(e.where() == 0x7f0012345678u);
    BOOST_TEST(e.code().value() == EFAULT);
    const std::string text = e.what();
    for (const char* part : {"process_vm_readv", "4242", "0x7f0012345678", "Bad address"})
        BOOST_TEST(text.find(part) != std::string::npos, "'" << text << "' lacks " << part);
}

BOOST_AUTO_TEST_CASE(an_error_is_a_stream_failure_and_a_system_error_and_copies_without_throwing) {
    static_assert(std::is_base_of_v<std::ios_base::failure, memory_error>);
    static_assert(std::is_base_of_v<std::system_error, memory_error>);
    static_assert(std::is_nothrow_copy_constructible_v<memory_error>);
    try {
        throw memory_error("open", 1, 0, system_code(EPERM));
    } catch (const std::system_error& e) {
        BOOST_TEST((e.code() == std::errc::operation_not_permitted));
    }
}

BOOST_AUTO_TEST_CASE(conditions_gather_the_errnos_that_mean_the_same) {
    BOOST_TEST((system_code(ESRCH) == errc::no_such_process));
    BOOST_TEST((system_code(EPERM) == errc::permission_denied));
    BOOST_TEST((system_code(EACCES) == errc::permission_denied));
    BOOST_TEST((system_code(EFAULT) == errc::bad_address));
    BOOST_TEST((system_code(EIO) == errc::bad_address));
    BOOST_TEST((system_code(ENOSYS) == errc::not_supported));
    BOOST_TEST((system_code(EOPNOTSUPP) == errc::not_supported));
    BOOST_TEST((system_code(ESTALE) == errc::program_changed));
    BOOST_TEST((system_code(EBADF) == errc::not_open));
    BOOST_TEST((system_code(EINVAL) == errc::invalid_argument));
    BOOST_TEST((system_code(EOVERFLOW) == errc::invalid_argument));
    BOOST_TEST((system_code(ESRCH) != errc::permission_denied));
    BOOST_TEST((std::error_code() != errc::bad_address));
    BOOST_TEST((std::make_error_code(std::io_errc::stream) != errc::no_such_process));
}

BOOST_AUTO_TEST_CASE(a_full_disk_is_not_the_end_of_a_window) {
    const std::error_code end = vmio::detail::end_of_memory();
    BOOST_TEST((end == errc::end_of_memory));
    BOOST_TEST((end == std::errc::no_space_on_device));
    BOOST_TEST((end != errc::invalid_argument));
    BOOST_TEST(end.value() == ENOSPC);
    BOOST_TEST(end.message() == "end of the window");
    BOOST_TEST((system_code(ENOSPC) != errc::end_of_memory));
    BOOST_TEST((system_code(ENOSPC) == std::errc::no_space_on_device));
}

BOOST_AUTO_TEST_CASE(an_error_is_made_without_asking_the_kernel) {
    BOOST_TEST(test::in_a_process([] {
                   // Whatever looks for a reason ends the process.
                   test::end_at({SYS_openat, SYS_read, SYS_process_vm_readv, SYS_getuid});
                   for (const int number : {ESRCH, EPERM, EACCES, ENOSYS, EFAULT, EIO, EOPNOTSUPP, ESTALE}) {
                       const memory_error e("process_vm_readv", 1, 2, system_code(number));
                       if (std::string(e.what()).empty()) return 1;
                   }
                   return 0;
               }) == 0);
}

BOOST_AUTO_TEST_CASE(explicit_advice_replaces_that_of_the_errno) {
    const std::string own = memory_error("open", 7, 0, system_code(EFAULT)).what();
    const std::string given = memory_error("open", 7, 0, system_code(EFAULT), "plug it in").what();
    BOOST_TEST(own.find("nothing is mapped") != std::string::npos);
    BOOST_TEST(given.find("nothing is mapped") == std::string::npos);
    BOOST_TEST(given.ends_with(" (plug it in)"));
}

BOOST_AUTO_TEST_CASE(every_condition_has_a_message) {
    for (int i = 1; i <= static_cast<int>(errc::end_of_memory); ++i)
        BOOST_TEST(vmio::memory_category().message(i) != vmio::memory_category().message(0));
    BOOST_TEST(vmio::memory_category().name() == std::string("vmio"));
}
