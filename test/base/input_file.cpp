// SPDX-License-Identifier: BSL-1.0
#include "base/input_file.hpp"

#include <cerrno>

#include <sys/stat.h>

#include <boost/test/unit_test.hpp>

#include <vmio/file_error.hpp>

#include "support/directory.hpp"
#include "support/file_errors.hpp"
#include "support/files.hpp"

using vmio::detail::input_file;

namespace {

const std::vector<std::byte> content{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}};

}  // namespace

BOOST_AUTO_TEST_CASE(a_file_is_read_at_offsets_and_in_sequence) {
    const test::directory directory;
    test::write_file(directory / "file", content);
    input_file file(directory / "file", "test of");
    BOOST_TEST(file.size() == 4u);
    std::vector<std::byte> two(2);
    BOOST_TEST(file.read(1, two));
    BOOST_TEST((two == std::vector{std::byte{2}, std::byte{3}}));
    BOOST_TEST(!file.read(3, two));
    BOOST_TEST(!file.read(~std::uint64_t{0}, two));
    BOOST_TEST(file.left() == 4u);
    file.read_next(two);
    BOOST_TEST((two == std::vector{std::byte{1}, std::byte{2}}));
    BOOST_TEST(file.left() == 2u);
    std::vector<std::byte> three(3);
    BOOST_CHECK_EXCEPTION(file.read_next(three), vmio::file_error, test::says(EBADMSG, "its end is missing"));
    BOOST_TEST(file.left() == 2u);
}

BOOST_AUTO_TEST_CASE(a_file_that_has_become_shorter_ends_before) {
    const test::directory directory;
    test::write_file(directory / "file", content);
    input_file file(directory / "file", "test of");
    std::filesystem::resize_file(directory / "file", 1);
    std::vector<std::byte> two(2);
    BOOST_TEST(!file.read(0, two));
    BOOST_CHECK_EXCEPTION(file.read_next(two), vmio::file_error, test::says(EBADMSG, "its end is missing"));
}

BOOST_AUTO_TEST_CASE(anything_but_a_regular_file_is_refused_without_waiting) {
    const test::directory directory;
    BOOST_REQUIRE(::mkfifo((directory / "fifo").c_str(), 0600) == 0);
    for (const auto& path : {directory.path(), directory / "fifo", std::filesystem::path("/dev/null")})
        BOOST_CHECK_EXCEPTION(input_file(path, "test of"), vmio::file_error, test::says(EINVAL, "not a regular file"));
    BOOST_CHECK_EXCEPTION(input_file(directory / "none", "test of"), vmio::file_error, test::says(ENOENT, "test of"));
}
