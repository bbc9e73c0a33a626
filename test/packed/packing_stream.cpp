// SPDX-License-Identifier: BSL-1.0
#include <vmio/packing_stream.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <sstream>

#include <sys/resource.h>

#include <boost/test/unit_test.hpp>

#include <vmio/error.hpp>

#include "packed/packed_tools.hpp"
#include "processes/child.hpp"
#include "support/scratch.hpp"

using vmio::packing_options;
using vmio::packing_ostream;

namespace {

constexpr std::size_t frame = std::size_t{1} << 18;

bool is_input_output_error(const vmio::memory_error& e) {
    return e.code().value() == EIO;
}

/// Takes so many bytes, as a disk does.
class limited_buffer : public std::streambuf {
public:
    explicit limited_buffer(std::streamsize most) : left_(most) {}
    std::streamsize xsputn(const char*, std::streamsize size) override {
        const std::streamsize taken = std::min(size, left_);
        left_ -= taken;
        return taken;
    }

private:
    std::streamsize left_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(packing_stream, *boost::unit_test::precondition(test::with_packers))

BOOST_AUTO_TEST_CASE(what_is_packed_is_unpacked_by_zstd) {
    const test::scratch_directory directory;
    const std::string packed = directory / "packed";
    const std::string unpacked = directory / "unpacked";
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, frame - 1, frame, frame + 1, 40 * frame + 17})
        for (const unsigned threads : {0u, 1u, 3u}) {
            const std::vector<std::byte> bytes = test::mixed_bytes(size);
            test::pack(bytes, packed, {.threads = threads});
            BOOST_TEST(test::runs("zstd -t " + packed));
            BOOST_TEST(test::runs("zstd -df " + packed + " -o " + unpacked));
            BOOST_TEST((test::read_file(unpacked) == bytes));
            if (size > 10 * frame) BOOST_TEST(std::filesystem::file_size(packed) < size * 3 / 4);
        }
}

BOOST_AUTO_TEST_CASE(the_pieces_in_which_bytes_come_make_no_difference) {
    const std::vector<std::byte> bytes = test::mixed_bytes(3 * frame);
    const auto* const first = reinterpret_cast<const char*>(bytes.data());
    std::ostringstream whole;
    std::ostringstream pieces;
    packing_ostream one(whole);
    packing_ostream many(pieces, {.threads = 2});
    one.write(first, static_cast<std::streamsize>(bytes.size()));
    for (std::size_t at = 0, size = 0; at < bytes.size(); at += size, size = (size * 3 + 1) % 70'000) {
        size = std::min(size, bytes.size() - at);
        if (size == 1)
            many.put(first[at]);
        else
            many.write(first + at, static_cast<std::streamsize>(size));
    }
    one.finish();
    many.finish();
    BOOST_TEST((whole.str() == pieces.str()));
}

BOOST_AUTO_TEST_CASE(a_higher_level_packs_smaller) {
    const test::scratch_directory directory;
    const std::vector<std::byte> noise = test::mixed_bytes(100'000);
    std::vector<std::byte> text;
    for (std::size_t i = 0; text.size() < 4 * frame; ++i) {  // words in any order
        const auto word = noise.begin() + std::to_integer<int>(noise[i % noise.size()]) * 13;
        text.insert(text.end(), word, word + 3 + static_cast<std::ptrdiff_t>(i % 10));
    }
    test::pack(text, directory / "low");
    test::pack(text, directory / "high", {.level = 19});
    BOOST_TEST(std::filesystem::file_size(directory / "high") < std::filesystem::file_size(directory / "low"));
}

BOOST_AUTO_TEST_CASE(a_full_disk_is_an_error_and_leaves_no_thread) {
    const std::vector<std::byte> bytes = test::mixed_bytes(20 * frame);
    const auto* const first = reinterpret_cast<const char*>(bytes.data());
    const auto size = static_cast<std::streamsize>(bytes.size());
    for (const std::streamsize room : {0, 100, 1'000'000}) {
        limited_buffer disk(room);
        std::ostream to(&disk);
        packing_ostream out(to);
        BOOST_TEST(!out.write(first, size).good());
        BOOST_CHECK_EXCEPTION(out.finish(), vmio::memory_error, is_input_output_error);
        packing_ostream strict(to);
        strict.exceptions(std::ios::badbit);
        BOOST_CHECK_EXCEPTION(strict.write(first, size), vmio::memory_error, is_input_output_error);
    }
    limited_buffer disk(5'000'000);  // fails at the end
    std::ostream to(&disk);
    packing_ostream out(to);
    out.write(first, 5 * frame);
    to.setstate(std::ios::badbit);
    BOOST_CHECK_EXCEPTION(out.finish(), vmio::memory_error, is_input_output_error);
    std::ostringstream never;
    packing_ostream unfinished(never);
    unfinished.write(first, size);
}

BOOST_AUTO_TEST_CASE(the_calling_thread_packs_where_no_thread_can_be_started,
                     *boost::unit_test::precondition(test::as_root)) {
    const std::vector<std::byte> bytes = test::mixed_bytes(20 * frame);
    std::ostringstream expected;
    {
        packing_ostream out(expected);
        out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
        out.finish();
    }
    BOOST_TEST(test::in_a_process([&] {
                   const rlimit none{1, 1};
                   constexpr uid_t nobody = 65534;
                   if (::setrlimit(RLIMIT_NPROC, &none) != 0 || ::setuid(nobody) != 0) return 1;
                   std::ostringstream alone;
                   packing_ostream out(alone);
                   out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
                   out.finish();
                   return alone.str() == expected.str() ? 0 : 2;
               }) == 0);
}

BOOST_AUTO_TEST_SUITE_END()
