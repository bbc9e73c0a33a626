// SPDX-License-Identifier: BSL-1.0
// A walk while things change, and what is left of it after an exception.
#include <vmio/region_reader.hpp>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <vmio/page_map.hpp>

#include "processes/child.hpp"
#include "processes/replaced_process.hpp"
#include "processes/storm_process.hpp"
#include "support/mapped.hpp"
#include "support/pages.hpp"
#include "support/regions.hpp"
#include "support/swap.hpp"

using test::child_process;
using test::in;
using test::is_pattern;
using test::mapped;
using test::must;
using test::pages;
using test::unnamed_file;
using vmio::address;
using vmio::address_range;
using vmio::gap_reason;
using vmio::memory_error;
using vmio::process;
using vmio::region_options;
using vmio::region_reader;

namespace {

const std::size_t page = vmio::page_size();

/// The first letter of each page, '.' for zero.
std::string letters(std::span<const std::byte> bytes) {
    std::string text;
    for (std::size_t at = 0; at < bytes.size(); at += page)
        text += bytes[at] == std::byte(0) ? '.' : static_cast<char>(bytes[at]);
    return text;
}

void map_over(const mapped& m, std::size_t first, std::size_t count, int flags, int file, std::size_t file_page = 0) {
    must(::mmap(m.data(first), count * page, PROT_READ | PROT_WRITE, flags | MAP_FIXED, file,
                static_cast<off_t>(file_page * page)) == m.data(first),
         "mmap");
}

auto is_error(vmio::errc code) {
    return [code](const memory_error& e) { return e.code() == code; };
}

/// At most so many descriptors, for a while.
class descriptor_limit {
public:
    explicit descriptor_limit(rlim_t most) {
        must(::getrlimit(RLIMIT_NOFILE, &before_) == 0, "getrlimit");
        const rlimit now{most, before_.rlim_max};
        must(::setrlimit(RLIMIT_NOFILE, &now) == 0, "setrlimit");
    }
    descriptor_limit(const descriptor_limit&) = delete;
    descriptor_limit& operator=(const descriptor_limit&) = delete;
    ~descriptor_limit() { ::setrlimit(RLIMIT_NOFILE, &before_); }

private:
    rlimit before_{};
};

}  // namespace

BOOST_AUTO_TEST_CASE(another_mapping_in_the_place_of_the_listed_one_is_read) {
    const unnamed_file file(6);
    const mapped memory(6);
    region_reader reader(process::self(), in(memory.range()));
    // Zeros that were listed, and a file by the time of the fetch.
    BOOST_REQUIRE(reader.next());
    map_over(memory, 2, 3, MAP_PRIVATE, file.get());
    BOOST_TEST(letters(reader.fetch()) == "..abc.");
    BOOST_TEST(reader.gaps().empty());
    for (const address_range& zeros : reader.untouched()) BOOST_TEST(!zeros.contains(memory.page(3)));
    // A file, and other pages of it, nothing, or zeros.
    map_over(memory, 0, 6, MAP_PRIVATE, file.get());
    reader.reset();
    BOOST_REQUIRE(reader.next());
    map_over(memory, 0, 2, MAP_PRIVATE, file.get(), 4);
    map_over(memory, 4, 2, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    BOOST_REQUIRE(::munmap(memory.data(3), page) == 0);
    BOOST_TEST(letters(reader.fetch()) == "efc...");
    BOOST_REQUIRE(reader.memory_gaps().size() == 1U);
    BOOST_TEST((reader.memory_gaps()[0] ==
                vmio::memory_gap{address_range::of_size(memory.page(3), page), gap_reason::unmapped}));
}

BOOST_AUTO_TEST_CASE(bytes_written_behind_the_end_of_a_file_are_seen) {
    for (const bool by_another : {false, true}) {
        const int file = ::memfd_create("short", MFD_CLOEXEC);
        must(file >= 0 && ::ftruncate(file, static_cast<off_t>(page + 10)) == 0, "memfd_create");
        must(::pwrite(file, "abc", 3, static_cast<off_t>(page)) == 3, "pwrite");
        const mapped memory(2, MAP_SHARED, file);
        const child_process child([&] {
            if (!by_another) memory.data()[page + 100] = 'x';
        });
        if (by_another) memory.data()[page + 100] = 'x';
        region_reader reader(process(child.id()), in({memory.start() + 5, memory.range().end()}));
        BOOST_REQUIRE(reader.next());
        const auto bytes = reader.fetch();
        BOOST_TEST(reader.gaps().empty());
        BOOST_TEST(static_cast<char>(bytes[page + 100 - 5]) == 'x');
        BOOST_TEST(std::memcmp(bytes.data() + page - 5, "abc", 4) == 0);
        ::close(file);
    }
}

BOOST_AUTO_TEST_CASE(part_of_a_page_behind_the_end_of_a_file_is_a_gap) {
    const unnamed_file file(2);
    const mapped memory(4, MAP_PRIVATE, file.get());
    for (const std::size_t in_page : {std::size_t{0}, std::size_t{100}}) {
        region_reader reader(process::self(), in({memory.page(3) + in_page, memory.page(4) - 50}));
        BOOST_REQUIRE(reader.next());
        reader.fetch();
        BOOST_REQUIRE(reader.memory_gaps().size() == 1U);
        BOOST_TEST((reader.memory_gaps()[0] == vmio::memory_gap{reader.range(), gap_reason::past_end_of_file}));
    }
}

BOOST_AUTO_TEST_CASE(swapped_pages_stay_swapped_whatever_else_is_asked_for,
                     *boost::unit_test::precondition(test::can_swap)) {
    const test::swap_area area;
    const mapped memory(4);
    for (std::size_t i = 0; i < 4; ++i) memory.write(i, 'x');
    test::page_out(memory.data(1), 2 * page);
    const auto swapped = vmio::scan_pages(process::self(), memory.range(), vmio::page_state::swapped);
    BOOST_REQUIRE(!swapped.empty());
    auto options = in(memory.range());
    options.read_swapped = false;
    options.skip_untouched = false;
    region_reader reader(process::self(), options);
    BOOST_REQUIRE(reader.next());
    reader.fetch();
    BOOST_REQUIRE(reader.memory_gaps().size() == swapped.size());
    BOOST_TEST((reader.memory_gaps()[0].reason == gap_reason::swapped));
    BOOST_TEST((vmio::scan_pages(process::self(), memory.range(), vmio::page_state::swapped) == swapped));
}

BOOST_AUTO_TEST_CASE(a_fetch_that_failed_can_be_tried_again) {
    const unnamed_file file(4);
    const mapped memory(4, MAP_PRIVATE, file.get());
    must(::ftruncate(file.get(), static_cast<off_t>(3 * page)) == 0, "ftruncate");
    auto options = in(memory.range(), page, 2 * page);
    options.use_backing_files = false;
    region_reader reader(process::self(), options);
    for (int i = 0; i < 3; ++i) {
        BOOST_REQUIRE(reader.next());
        reader.fetch();
    }
    BOOST_REQUIRE(reader.next());
    {
        const descriptor_limit none(0);  // why the last page is none cannot be found out
        BOOST_CHECK_EXCEPTION(reader.fetch(), memory_error,
                              [](const memory_error& e) { return e.code().value() == EMFILE; });
        BOOST_TEST((reader.gaps().empty() && reader.untouched().empty()));
    }
    BOOST_TEST(letters(reader.fetch()) == "bc.");
    BOOST_REQUIRE(reader.memory_gaps().size() == 1U);
    BOOST_TEST((reader.memory_gaps()[0] ==
                vmio::memory_gap{address_range::of_size(memory.page(3), page), gap_reason::past_end_of_file}));
}

BOOST_AUTO_TEST_CASE(a_filter_that_throws_loses_no_region) {
    const pages memory(6);
    BOOST_REQUIRE(::mprotect(memory.data() + 2 * page, 2 * page, PROT_READ) == 0);
    int calls = 0;
    auto options = in(memory.range());
    options.wanted = [&](const vmio::mapping&) {
        if (++calls % 2 == 1) throw std::runtime_error("not now");
        return true;
    };
    region_reader reader(process::self(), options);
    for (const std::size_t i : {0U, 2U, 4U}) {
        BOOST_CHECK_THROW(reader.next(), std::runtime_error);
        BOOST_REQUIRE(reader.next());
        BOOST_TEST((reader.range() == address_range(memory.page(i), memory.page(i + 2))));
        BOOST_TEST(is_pattern(memory.page(i), reader.fetch()));
    }
    BOOST_TEST(!reader.next());
}

BOOST_AUTO_TEST_CASE(an_exec_is_an_error_and_not_more_of_the_same) {
    const mapped memory(4);
    memory.write(1, 'x');
    for (const bool look_first : {true, false}) {
        test::replaced_process target;
        auto options = in({0, ~address{0}});
        options.skip_untouched = options.use_backing_files = false;  // nothing looks at page tables
        region_reader reader(process(target.id()), options);
        BOOST_REQUIRE(reader.next());
        if (look_first) reader.fetch();
        target.exec();
        if (!look_first) BOOST_CHECK_EXCEPTION(reader.fetch(), memory_error, is_error(vmio::errc::program_changed));
        for (int i = 0; i < 2; ++i)
            BOOST_CHECK_EXCEPTION(reader.next(), memory_error, is_error(vmio::errc::program_changed));
        reader.reset();
        BOOST_CHECK_EXCEPTION(reader.next(), memory_error, is_error(vmio::errc::program_changed));
    }
}

BOOST_AUTO_TEST_CASE(a_process_that_has_ended_is_an_error_again_and_again) {
    child_process child;
    region_reader reader{process(child.id())};
    BOOST_REQUIRE(reader.next());
    const address_range range = reader.range();
    child.end();
    for (int i = 0; i < 3; ++i) {
        BOOST_CHECK_EXCEPTION(reader.next(), memory_error, is_error(vmio::errc::no_such_process));
        BOOST_TEST((reader.range() == range));
    }
}

BOOST_AUTO_TEST_CASE(huge_sizes_are_limited_to_the_region) {
    const pages memory(8);
    constexpr auto huge = ~std::size_t{0};
    for (const std::size_t chunk : {std::size_t{0}, 2 * page, huge, huge / 2})
        for (const std::size_t overlap : {std::size_t{0}, 3 * page, huge, huge / 2})
            for (const std::size_t most : {page, huge, huge / 2}) {
                auto options = in({memory.start() + 3, memory.range().end()}, chunk, overlap);
                options.max_fetched_size = most;
                region_reader reader(process::self(), options);
                while (reader.next()) {
                    const auto bytes = reader.fetch();
                    BOOST_TEST(bytes.size() + reader.cut_off().size() == reader.range().size());
                    BOOST_TEST(is_pattern(reader.range().start(), bytes));
                }
            }
}

BOOST_AUTO_TEST_CASE(a_target_that_maps_and_unmaps_gives_right_bytes_or_gaps) {
    const test::storm_process storm(VMIO_STORM_TARGET);
    const auto range = address_range::of_size(storm.start(), storm.size());
    std::size_t seen = 0;
    for (int round = 0; round < 300; ++round) {
        const std::size_t chunk = round % 3 == 0 ? 0 : page << round % 4;
        auto options = in(range, chunk, round % 2 == 0 ? 100 : 0);
        options.use_backing_files = round % 5 != 0;
        for (region_reader reader(process(storm.id()), options); reader.next();) {
            const auto bytes = reader.fetch();
            const address start = reader.range().start();
            address at = start;
            const auto check = [&](address end) {
                const auto part =
                    bytes.subspan(static_cast<std::size_t>(at - start), static_cast<std::size_t>(end - at));
                BOOST_TEST(is_pattern(at, part));
                seen += part.size();
            };
            for (const address_range& gap : reader.gaps()) {
                BOOST_REQUIRE((at <= gap.start() && gap.end() <= start + bytes.size()));
                check(gap.start());
                at = gap.end();
            }
            check(start + bytes.size());
        }
    }
    BOOST_TEST(seen > 0U);
}
