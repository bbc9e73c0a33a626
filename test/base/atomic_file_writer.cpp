// SPDX-License-Identifier: BSL-1.0
#include "base/atomic_file_writer.hpp"

#include <cerrno>
#include <csignal>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <vmio/file_error.hpp>

#include "faults/seccomp.hpp"
#include "support/directory.hpp"
#include "support/files.hpp"
#include "support/skip.hpp"

using vmio::detail::atomic_file_writer;

namespace {

const std::vector<std::byte> old_bytes(100, std::byte{1});
const std::vector<std::byte> new_bytes(200, std::byte{2});

std::vector<std::string> names_in(const test::directory& directory) {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory.path()))
        names.push_back(entry.path().filename());
    return names;
}

void save(const std::filesystem::path& path) {
    atomic_file_writer file(path, "test");
    file.write(0, new_bytes);
    file.put_in_place();
}

/// The errno of that; 0 if it was done.
int error_of_saving(const std::filesystem::path& path) {
    try {
        save(path);
    } catch (const vmio::file_error& e) {
        return e.code().value();
    }
    return 0;
}

constexpr unsigned nameless = O_TMPFILE & ~O_DIRECTORY;

void forbid_nameless_files() {
    test::forbid_with(SYS_openat, 2, nameless, EOPNOTSUPP);
}

boost::test_tools::assertion_result has_nameless_files(boost::unit_test::test_unit_id) {
    const test::directory directory;
    const int file = ::open(directory.path().c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    if (file >= 0) ::close(file);
    return test::unless_missing(file >= 0, "a file system with O_TMPFILE");
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_name_may_be_as_long_as_names_can_be) {
    const test::directory directory;
    const auto longest = static_cast<std::size_t>(::pathconf(directory.path().c_str(), _PC_NAME_MAX));
    const auto path = directory / std::string(longest, 'n');
    for (int i = 0; i < 2; ++i) {  // a new one, and one that replaces it
        save(path);
        BOOST_TEST((test::read_file(path) == new_bytes));
    }
    BOOST_TEST(test::in_a_process([&] {
                   forbid_nameless_files();
                   return error_of_saving(path);
               }) == 0);
    BOOST_TEST(names_in(directory).size() == 1u);
    BOOST_CHECK_THROW(atomic_file_writer(directory / std::string(longest + 1, 'n'), "test"), vmio::file_error);
}

BOOST_AUTO_TEST_CASE(a_killed_writer_leaves_no_file_behind, *boost::unit_test::precondition(has_nameless_files)) {
    const test::directory directory;
    test::write_file(directory / "file", old_bytes);
    BOOST_TEST(test::in_a_process([&] {
                   atomic_file_writer file(directory / "file", "test");
                   file.write(0, new_bytes);
                   ::raise(SIGKILL);
                   return 0;
               }) == 128 + SIGKILL);
    BOOST_TEST(names_in(directory) == std::vector<std::string>{"file"});
    BOOST_TEST((test::read_file(directory / "file") == old_bytes));
}

BOOST_AUTO_TEST_CASE(a_file_system_without_unnamed_files_is_supported) {
    const test::directory directory;
    const auto path = directory / "file";
    BOOST_TEST(test::in_a_process([&] {
                   forbid_nameless_files();
                   return error_of_saving(path);
               }) == 0);
    BOOST_TEST((test::read_file(path) == new_bytes));
    BOOST_TEST(test::in_a_process([&] {
                   forbid_nameless_files();
                   atomic_file_writer file(path, "test");
                   BOOST_TEST(names_in(directory).size() == 2u);
                   return 0;
               }) == 0);
    BOOST_TEST(names_in(directory) == std::vector<std::string>{"file"});
}

BOOST_AUTO_TEST_CASE(a_temporary_name_that_is_taken_is_left_alone) {
    const test::directory directory;
    for (const bool is_forbidden : {false, true})
        BOOST_TEST(test::in_a_process([&] {
                       if (is_forbidden) forbid_nameless_files();
                       const std::string taken = directory / (".vmio-" + std::to_string(::getpid()) + "-0");
                       test::write_file(taken, old_bytes);
                       save(directory / "file");
                       return test::read_file(taken) == old_bytes && ::unlink(taken.c_str()) == 0 ? 0 : 1;
                   }) == 0);
    BOOST_TEST(names_in(directory) == std::vector<std::string>{"file"});
}

BOOST_AUTO_TEST_CASE(the_old_file_stays_until_the_new_bytes_are_on_the_disk) {
    const test::directory directory;
    test::write_file(directory / "old", old_bytes);
    BOOST_TEST(test::in_a_process([&] {
                   test::forbid({SYS_fdatasync}, EIO);
                   return error_of_saving(directory / "new");  // for which nobody waits
               }) == 0);
    BOOST_TEST(test::in_a_process([&] {
                   test::forbid({SYS_fdatasync}, EIO);
                   return error_of_saving(directory / "old");
               }) == EIO);
    BOOST_TEST((test::read_file(directory / "old") == old_bytes));
    BOOST_TEST(names_in(directory).size() == 2u);
}

BOOST_AUTO_TEST_CASE(a_path_that_cannot_be_replaced_is_an_error_before_any_write) {
    const test::directory directory;
    test::write_file(directory / "file", old_bytes);
    for (const char* path : {"no/such", "file/below", "", "no/"})
        BOOST_CHECK_THROW(atomic_file_writer(path[0] == '\0' ? path : directory / path, "test"), vmio::file_error);
}
