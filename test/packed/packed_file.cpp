// SPDX-License-Identifier: BSL-1.0
#include "packed/packed_file.hpp"

#include <atomic>
#include <cerrno>
#include <string>
#include <thread>
#include <vector>

#include <sys/resource.h>
#include <sys/stat.h>

#include <boost/test/unit_test.hpp>

#include <vmio/file_error.hpp>

#include "packed/packed_tools.hpp"
#include "processes/child.hpp"
#include "support/scratch.hpp"

using vmio::detail::input_file;
using bytes = std::vector<std::byte>;

namespace {

constexpr std::size_t size = 5'000'000;

std::optional<std::uint64_t> limit_of_size(const input_file&) {
    return size;
}

input_file opened(const std::string& path, const vmio::detail::content_limit& limit = limit_of_size) {
    return vmio::detail::unpacked(input_file(path, "test"), limit);
}

int error_of_opening(const std::string& path, const vmio::detail::content_limit& limit = limit_of_size) {
    try {
        opened(path, limit);
        return 0;
    } catch (const vmio::file_error& e) {
        return e.code().value();
    }
}

bytes all_of(const input_file& file) {
    bytes all(static_cast<std::size_t>(file.size()));
    BOOST_TEST(file.read(0, all));
    return all;
}

/// The same content in all forms that can be read.
struct packed_files {
    bytes content = test::mixed_bytes(size);
    test::scratch_directory directory;
    std::string plain = directory / "plain";
    std::vector<std::string> whole{directory / "zst", directory / "gz", directory / "gz2"};
    std::string framed = directory / "framed";

    packed_files() {
        test::write_file(plain, content);
        test::pack(content, framed);
        BOOST_REQUIRE(test::runs("zstd -q " + plain + " -o " + whole[0]));
        BOOST_REQUIRE(test::runs("gzip -c " + plain + " >" + whole[1]));
        // Of two members.
        BOOST_REQUIRE(
            test::runs("(head -c 3000000 " + plain + " | gzip; tail -c +3000001 " + plain + " | gzip) >" + whole[2]));
    }
    std::vector<std::string> all() const {
        std::vector<std::string> paths = whole;
        paths.push_back(framed);
        return paths;
    }
};

/// Changes `change(content)` of a file.
template <class Change>
void rewrite(const std::string& path, Change change) {
    bytes content = test::read_file(path);
    change(content);
    test::write_file(path, content);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(packed_file, *boost::unit_test::precondition(test::with_packers))

BOOST_AUTO_TEST_CASE(a_packed_file_has_the_bytes_of_the_plain_one) {
    const packed_files files;
    BOOST_TEST((all_of(opened(files.plain)) == files.content));
    for (const std::string& path : files.all()) BOOST_TEST((all_of(opened(path)) == files.content), path);
}

BOOST_AUTO_TEST_CASE(random_reads_by_several_threads_have_the_right_bytes) {
    const packed_files files;
    for (const std::string& path : files.all()) {
        const auto content = opened(path).take_content();
        std::atomic<int> wrong = 0;
        std::vector<std::thread> readers;
        for (std::uint64_t t = 0; t < 4; ++t)
            readers.emplace_back([&, state = t + 1]() mutable {
                bytes to(400'000);
                for (int i = 0; i < 200; ++i) {
                    state = state * 6364136223846793005 + 1442695040888963407;
                    const std::size_t at = (state >> 20) % (size + 100);
                    const std::span<std::byte> part = std::span(to).first((state >> 45) % to.size() + 1);
                    std::error_code ec;
                    const std::size_t got = content->read_some(at, part, ec);
                    if (ec || (got == 0) != (at >= size)) ++wrong;
                    if (!std::equal(part.begin(), part.begin() + static_cast<std::ptrdiff_t>(got),
                                    files.content.begin() + static_cast<std::ptrdiff_t>(std::min(at, size))))
                        ++wrong;
                }
            });
        for (std::thread& t : readers) t.join();
        BOOST_TEST(wrong == 0, path);
    }
}

BOOST_AUTO_TEST_CASE(a_file_that_is_cut_off_is_an_error) {
    const packed_files files;
    for (const std::string& path : files.all()) {
        for (int i = 0; i < 3; ++i) {
            rewrite(path, [](bytes& content) { content.resize(content.size() * 2 / 3); });
            BOOST_TEST(error_of_opening(path) == EBADMSG, path);
        }
        rewrite(path, [](bytes& content) { content.resize(5); });
        BOOST_TEST(error_of_opening(path) == EBADMSG, path);
    }
}

BOOST_AUTO_TEST_CASE(a_damaged_byte_is_an_error_and_not_other_content) {
    const packed_files files;
    for (const std::string& path : files.whole) {
        rewrite(path, [](bytes& content) { content[content.size() / 2] ^= std::byte{0x10}; });
        BOOST_TEST(error_of_opening(path) == EBADMSG, path);
    }
    rewrite(files.framed, [](bytes& content) { content[content.size() / 2] ^= std::byte{0x10}; });
    const auto content = opened(files.framed).take_content();
    bytes to(size);
    std::size_t failed = 0;
    for (std::size_t at = 0; at < size;) {
        std::error_code ec;
        const std::span<std::byte> rest = std::span(to).subspan(at);
        const std::size_t got = content->read_some(at, rest, ec);
        if (got == 0) {  // this frame, and no other
            BOOST_TEST(ec.value() == EBADMSG);
            ++failed;
            std::copy_n(files.content.begin() + static_cast<std::ptrdiff_t>(at), std::min(size - at, 1ul << 18),
                        rest.begin());
            at += 1ul << 18;
        }
        at += got;
    }
    BOOST_TEST(failed == 1u);
    BOOST_TEST((to == files.content));
}

BOOST_AUTO_TEST_CASE(more_content_than_the_limit_is_refused_before_it_is_all_unpacked) {
    const test::scratch_directory directory;
    const std::string zeros = " /dev/zero | head -c 600000000 | ";
    BOOST_REQUIRE(test::runs("cat" + zeros + "zstd -q -o " + directory.path() + "/bomb.zst"));
    BOOST_REQUIRE(test::runs("yes bomb | head -c 100000000 | gzip -1 >" + directory.path() + "/bomb.gz"));
    for (const char* name : {"bomb.zst", "bomb.gz"}) {
        BOOST_TEST(std::filesystem::file_size(directory / name) < 2'000'000u);
        BOOST_TEST(test::in_a_process([&] {
                       const rlimit few{10'000'000, 10'000'000};
                       if (::setrlimit(RLIMIT_FSIZE, &few) != 0) return 1;
                       return error_of_opening(directory / name);
                   }) == EBADMSG,
                   name);
    }
    // What its limit is can never be told.
    BOOST_TEST(error_of_opening(directory / "bomb.zst", [](const input_file&) { return std::nullopt; }) == EBADMSG);
    BOOST_TEST(error_of_opening(directory / "bomb.zst", [](const input_file& f) -> std::optional<std::uint64_t> {
                   f.fail(EINVAL, "no");
               }) == EINVAL);
}

BOOST_AUTO_TEST_CASE(content_larger_than_files_may_be_is_an_error_and_no_signal) {
    const packed_files files;
    for (const std::string& path : files.all())
        BOOST_TEST(test::in_a_process([&] {
                       const rlimit one_page{4096, 4096};
                       if (::setrlimit(RLIMIT_FSIZE, &one_page) != 0) return 1;
                       const int error = error_of_opening(path);
                       return path == files.framed ? error : error == EFBIG ? 0 : 2;
                   }) == 0,
                   path);
}

BOOST_AUTO_TEST_CASE(zeros_are_holes_of_the_unpacked_file) {
    const test::scratch_directory directory;
    BOOST_REQUIRE(test::runs("(head -c 1000000000 /dev/zero; echo x) | zstd -q -o " + directory.path() + "/zeros"));
    const auto limit = [](const input_file&) { return std::optional<std::uint64_t>(1'000'000'002); };
    const auto expect_holes = [&] {
        input_file file = opened(directory / "zeros", limit);
        char end[3]{};
        if (file.size() != 1'000'000'002 || !file.read_one(999'999'999, end) || end[0] != 0 || end[1] != 'x') return 1;
        const auto content = std::dynamic_pointer_cast<const vmio::detail::file_source>(file.take_content());
        struct stat status;
        return ::fstat(content->descriptor(), &status) == 0 && status.st_blocks < 10'000 ? 0 : 2;
    };
    BOOST_TEST(expect_holes() == 0);
    BOOST_TEST(test::in_a_process([&] {
                   ::setenv("TMPDIR", "/nowhere", 1);  // into a memfd
                   return expect_holes();
               }) == 0);
}

BOOST_AUTO_TEST_CASE(a_format_that_is_not_known_is_refused) {
    const test::scratch_directory directory;
    for (const std::string magic : {"\xfd"
                                    "7zXZ",
                                    "\x04\x22\x4d\x18", "BZh9"}) {
        const auto raw = std::as_bytes(std::span(magic));
        test::write_file(directory / "file", bytes(raw.begin(), raw.end()));
        BOOST_TEST(error_of_opening(directory / "file") == EOPNOTSUPP);
    }
}

BOOST_AUTO_TEST_SUITE_END()
