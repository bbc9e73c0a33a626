// SPDX-License-Identifier: BSL-1.0
#include <vmio/atomic_ofstream.hpp>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <boost/test/unit_test.hpp>

#include <vmio/file_error.hpp>

#include "faults/seccomp.hpp"
#include "support/directory.hpp"

namespace fs = std::filesystem;
using vmio::atomic_ofstream;
using vmio::existing_file;

namespace {

std::string content(const fs::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// The errno of writing a file; 0 if that was done.
int error_of_writing(const fs::path& path, existing_file existing) {
    try {
        atomic_ofstream file(path, existing);
        file << "new";
        file.commit();
        return 0;
    } catch (const vmio::file_error& e) {
        return e.code().value();
    }
}

constexpr unsigned nameless = O_TMPFILE & ~O_DIRECTORY;

}  // namespace

BOOST_AUTO_TEST_CASE(a_file_appears_when_it_is_committed_and_not_before) {
    const test::directory directory;
    const std::string large(1 << 20, 'x');
    {
        atomic_ofstream file(directory / "file");
        file << "abc" << large;
        BOOST_TEST(!fs::exists(directory / "file"));
        file << "z";
        file.commit();
    }
    BOOST_TEST((content(directory / "file") == "abc" + large + "z"));
    struct stat status;
    BOOST_TEST(::stat((directory / "file").c_str(), &status) == 0);
    BOOST_TEST((status.st_mode & 0777) == 0600u);
    { atomic_ofstream(directory / "other") << large; }
    BOOST_TEST(!fs::exists(directory / "other"));
}

BOOST_AUTO_TEST_CASE(what_becomes_of_an_existing_file_is_as_it_was_asked_for) {
    // The second time where the new file has a name from its beginning.
    const auto all = [] {
        const test::directory directory;
        std::ofstream(directory / "file") << "old";
        fs::create_symlink("file", directory / "link");
        fs::create_symlink("nothing", directory / "dangling");
        for (const char* name : {"file", "link", "dangling"}) {
            const int expected = name == std::string("file") ? EEXIST : EINVAL;
            if (error_of_writing(directory / name, existing_file::refuse) != expected) return 1;
            if (content(directory / "file") != "old" || fs::exists(directory / "nothing")) return 2;
        }
        for (const char* name : {"link", "dangling"})
            if (error_of_writing(directory / name, existing_file::replace_no_follow) != EINVAL) return 3;
        if (error_of_writing(directory / "link", existing_file::replace) != 0) return 4;
        if (content(directory / "file") != "new" || !fs::is_symlink(directory / "link")) return 5;
        if (error_of_writing(directory / "file", existing_file::replace_no_follow) != 0) return 6;
        if (error_of_writing(directory / "other", existing_file::refuse) != 0) return 7;
        return std::distance(fs::directory_iterator(directory.path()), {}) == 4 ? 0 : 8;
    };
    BOOST_TEST(all() == 0);
    BOOST_TEST(test::in_a_process([&] {
                   test::forbid_with(SYS_openat, 2, nameless, EOPNOTSUPP);
                   return all();
               }) == 0);
}

BOOST_AUTO_TEST_CASE(a_file_that_appears_meanwhile_is_not_replaced_where_that_is_refused) {
    const auto all = [] {
        const test::directory directory;
        atomic_ofstream file(directory / "file", existing_file::refuse);
        file << "new";
        fs::create_symlink("elsewhere", directory / "file");
        try {
            file.commit();
        } catch (const vmio::file_error& e) {
            return e.code() == std::errc::file_exists && !fs::exists(directory / "elsewhere") ? 0 : 1;
        }
        return 2;
    };
    BOOST_TEST(all() == 0);
    BOOST_TEST(test::in_a_process([&] {
                   test::forbid_with(SYS_openat, 2, nameless, EOPNOTSUPP);
                   return all();
               }) == 0);
}

BOOST_AUTO_TEST_CASE(an_error_of_a_write_is_kept_as_it_was) {
    const test::directory directory;
    BOOST_TEST(test::in_a_process([&] {
                   const rlimit limit{1 << 16, 1 << 16};
                   if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
                   atomic_ofstream file(directory / "file");
                   file << std::string(1 << 20, 'x');
                   if (file.good()) return 2;
                   try {
                       file.commit();
                   } catch (const vmio::file_error& e) {
                       return e.code() == std::errc::file_too_large ? 0 : 3;
                   }
                   return 4;
               }) == 0);
    BOOST_TEST(fs::is_empty(directory.path()));
}
