// SPDX-License-Identifier: BSL-1.0
#include <vmio/memory_walk.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <vmio/open_memory.hpp>
#include <vmio/page_map.hpp>
#include <vmio/process_snapshot.hpp>
#include <vmio/write_core.hpp>

#include "processes/child.hpp"
#include "support/error_of.hpp"
#include "support/mapped.hpp"
#include "support/pages.hpp"
#include "support/scratch.hpp"

using test::mapped;
using test::pages;
using vmio::address;
using vmio::address_range;
using vmio::any_memory;
using vmio::gap_reason;
using vmio::memory_gap;
using vmio::memory_walk;
using vmio::process;
using vmio::process_memory;
using vmio::process_snapshot;

namespace {

const std::size_t page = vmio::page_size();

/// The pattern, but for pages whose number is in `holes`; counts the calls.
struct pages_with_holes {
    std::size_t read_some(address where, std::span<std::byte> to, std::error_code& ec) const noexcept {
        ec.clear();
        std::size_t done = 0;
        for (; done < to.size() && !is_hole((where + done) / page); ++done) to[done] = test::pattern(where + done);
        if (done == 0 && !to.empty()) ec.assign(error, std::system_category());
        return done;
    }
    std::vector<address_range> ranges() const { return known; }
    bool is_hole(std::size_t number) const { return std::count(holes.begin(), holes.end(), number) > 0; }

    std::vector<address_range> known;
    std::vector<std::size_t> holes;
    int error = EFAULT;
};

/// All that a walk has, zeros too. Checks that chunks come in order and are no larger than they may be.
std::map<address, std::byte> walked(memory_walk walk) {
    std::map<address, std::byte> all;
    address reached = 0;
    while (walk.next()) {
        BOOST_TEST(!walk.range().empty());
        BOOST_TEST(walk.range().start() >= reached);
        reached = walk.range().end();
        BOOST_TEST((walk.zeros() ? walk.bytes().empty() : walk.bytes().size() == walk.range().size()));
        BOOST_TEST(walk.bytes().size() <= std::size_t{512} << 10);
        for (address a = walk.range().start(); a < reached; ++a)
            all[a] = walk.zeros() ? std::byte{0} : walk.bytes()[a - walk.range().start()];
    }
    BOOST_TEST(walk.range().empty());
    return all;
}

/// Pages with a hole that is the third.
struct with_a_hole {
    with_a_hole() { some.make_hole(2); }
    pages some{5};
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_walk_has_the_same_bytes_of_a_process_its_core_and_its_snapshot, with_a_hole) {
    const mapped untouched(3);
    const test::child_process child;
    const test::scratch_directory directory;
    const std::string core = directory / "core";
    vmio::write_core(process(child.id()), core);
    const std::vector<address_range> parts{untouched.range(), some.range()};
    const any_memory memories[]{process_memory(process(child.id())), vmio::open_memory(core),
                                process_snapshot::capture(process(child.id()))};
    for (const any_memory& memory : memories) {
        BOOST_TEST_CONTEXT(memory.name()) {
            const auto bytes = walked(memory_walk(memory, parts));
            BOOST_TEST(bytes.size() >= 7 * page);
            for (address a = some.start(); a < some.range().end(); ++a) {
                const auto found = bytes.find(a);
                if ((a - some.start()) / page != 2)
                    BOOST_TEST_REQUIRE((found != bytes.end() && found->second == test::pattern(a)));
            }
            for (address a = untouched.start(); a < untouched.range().end(); ++a)
                BOOST_TEST_REQUIRE((bytes.count(a) == 1 && bytes.at(a) == std::byte{0}));
            BOOST_TEST((walked(memory_walk(memory.within({some.page(3), some.page(4)}))).size() == page));
        }
    }
    BOOST_TEST(walked(memory_walk(memories[0], parts)).count(some.page(2)) == 0u);
    BOOST_TEST(walked(memory_walk(memories[2], parts)).count(some.page(2)) == 0u);
}

BOOST_AUTO_TEST_CASE(a_walk_makes_no_page_of_a_process_present) {
    const mapped reserved(std::size_t{1} << 22);  // 16 GiB
    reserved.write(1000);
    const test::child_process child;
    const process target(child.id());
    std::uint64_t read = 0, zero = 0;
    const address_range all = reserved.range();
    for (memory_walk walk(process_memory(target), std::span(&all, 1)); walk.next();)
        (walk.zeros() ? zero : read) += walk.range().size();
    BOOST_TEST(read + zero == reserved.size());
    BOOST_TEST(read == page);
    const auto present = vmio::scan_pages(target, reserved.range(), vmio::page_state::present);
    BOOST_REQUIRE(present.size() == 1u);
    BOOST_TEST((present[0].range == address_range::of_size(reserved.page(1000), page)));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_read_is_in_no_chunk) {
    const pages_with_holes memory{{{page / 2, 4 * page}, {10 * page + page / 2, 500 * page}}, {1, 10, 11, 499}};
    const auto bytes = walked(memory_walk(memory));
    for (address a = 0; a < 501 * page; a += page / 4) {
        const bool known = (a >= page / 2 && a < 4 * page) || (a >= 10 * page + page / 2 && a < 500 * page);
        BOOST_TEST_REQUIRE((bytes.count(a) == 1) == (known && !memory.is_hole(a / page)));
        if (bytes.count(a) == 1) BOOST_TEST_REQUIRE((bytes.at(a) == test::pattern(a)));
    }
    auto broken = memory;
    broken.error = ECONNRESET;
    BOOST_TEST(test::error_of([&] { walked(memory_walk(broken)); }) == ECONNRESET);
}

BOOST_AUTO_TEST_CASE(a_walk_is_moved_with_its_chunk) {
    const pages_with_holes memory{{{0, 4 * page}}, {1}};
    memory_walk walk(memory);
    BOOST_TEST(walk.next());
    memory_walk other(std::move(walk));
    BOOST_TEST((other.range() == address_range(0, page)));
    BOOST_TEST(test::is_pattern(0, other.bytes()));
    BOOST_TEST(other.next());
    BOOST_TEST((other.range() == address_range(2 * page, 4 * page)));
    BOOST_TEST(!other.next());
}

BOOST_FIXTURE_TEST_CASE(gaps_of_any_memory_have_the_reasons_that_it_knows, with_a_hole) {
    const test::child_process child;
    const any_memory live = process_memory(process(child.id()));
    const any_memory frozen = process_snapshot::capture(process(child.id()));
    std::vector<std::byte> bytes(some.size());
    for (const any_memory& memory : {live, frozen}) {
        std::fill(bytes.begin(), bytes.end(), std::byte{1});
        const auto gaps = vmio::read_past_gaps(memory, some.start(), bytes);
        BOOST_REQUIRE(gaps.size() == 1u);
        BOOST_TEST((gaps[0].range == address_range(some.page(2), some.page(3))));
        BOOST_TEST(test::is_pattern(some.start(), std::span(bytes).first(2 * page)));
        BOOST_TEST(test::is_pattern(some.page(3), std::span(bytes).subspan(3 * page)));
        BOOST_TEST(test::all_equal(std::span(bytes).subspan(2 * page, page), std::byte{0}));
        std::fill(bytes.begin(), bytes.end(), std::byte{1});
        vmio::read_past_gaps(memory, some.start(), bytes, vmio::gap_fill::keep);
        BOOST_TEST(test::all_equal(std::span(bytes).subspan(2 * page, page), std::byte{1}));
    }
    BOOST_TEST((vmio::read_past_gaps(live, some.start(), bytes)[0].reason == gap_reason::no_permission));
    const auto outside = vmio::read_past_gaps(live.within({some.page(1), some.page(2)}), some.start(), bytes);
    BOOST_TEST((outside == std::vector<memory_gap>{{{some.start(), some.page(1)}, gap_reason::unmapped},
                                                   {{some.page(2), some.page(5)}, gap_reason::unmapped}}));
}

BOOST_AUTO_TEST_CASE(a_large_hole_of_any_memory_is_one_gap_and_not_tried) {
    const pages_with_holes memory{{{0, page}, {100 * page, 200 * page}}, {101}};
    std::vector<std::byte> bytes(200 * page);
    struct calls_counted {
        std::size_t read_some(address where, std::span<std::byte> to, std::error_code& ec) const noexcept {
            ++*calls;
            return where / page > 0 && where / page < 100
                       ? (ec = {EFAULT, std::system_category()}, 0)
                       : memory.read_some(
                             where, to.first(std::min<std::size_t>(to.size(), where < page ? page - where : to.size())),
                             ec);
        }
        std::vector<address_range> ranges() const { return memory.known; }
        pages_with_holes memory;
        int* calls;
    };
    int calls = 0;
    const auto gaps = vmio::read_past_gaps(calls_counted{memory, &calls}, 0, bytes);
    BOOST_TEST((gaps == std::vector<memory_gap>{{{page, 100 * page}, gap_reason::unmapped},
                                                {{101 * page, 102 * page}, gap_reason::input_output}}));
    BOOST_TEST(calls == 5);
    BOOST_TEST(test::is_pattern(102 * page, std::span(bytes).subspan(102 * page)));
}
