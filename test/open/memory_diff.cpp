// SPDX-License-Identifier: BSL-1.0
#include <vmio/memory_diff.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include <sys/mman.h>

#include <boost/test/unit_test.hpp>

#include <vmio/open_memory.hpp>
#include <vmio/page_map.hpp>
#include <vmio/process_snapshot.hpp>
#include <vmio/snapshot_diff.hpp>
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
using vmio::difference;
using vmio::memory_difference;
using vmio::process;
using vmio::process_memory;
using vmio::process_snapshot;
using differences = std::vector<memory_difference>;

namespace {

const std::size_t page = vmio::page_size();

differences differences_of(const any_memory& before, const any_memory& after, std::vector<address_range> parts = {},
                           std::uint64_t join_within = 0) {
    differences all;
    vmio::diff(before, after,
               [&](const memory_difference& d) {
                   BOOST_TEST((all.empty() || all.back().range.end() <= d.range.start()));
                   all.push_back(d);
                   return true;
               },
               {join_within, std::move(parts)});
    return all;
}

/// Bytes of the test's own, in ranges.
struct parts_of_bytes {
    std::size_t read_some(address where, std::span<std::byte> to, std::error_code& ec) const noexcept {
        ec.clear();
        for (const address_range& range : known)
            if (range.contains(where)) {
                const auto size = std::min<std::size_t>({to.size(), range.end() - where, most});
                std::memcpy(to.data(), bytes.data() + where, size);
                return size;
            }
        if (!to.empty()) ec.assign(error, std::system_category());
        return 0;
    }
    std::vector<address_range> ranges() const { return known; }

    std::vector<std::byte> bytes;
    std::vector<address_range> known;
    std::size_t most = SIZE_MAX;  // at once
    int error = EFAULT;
};

/// A process and what was kept of it.
struct kept_process {
    void poke(address where, const std::string& text) const {
        process_memory(process(child.id())).write(where, std::as_bytes(std::span(text)));
    }

    pages some{20};
    mapped zeros{200};
    test::child_process child;
    test::scratch_directory directory;
    vmio::core_summary written = vmio::write_core(process(child.id()), directory / "core");
    process_snapshot captured = process_snapshot::capture(process(child.id()));
    any_memory live = process_memory(process(child.id()));
    any_memory core = vmio::open_memory(directory / "core");
    std::vector<address_range> parts{zeros.range(), some.range()};
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_process_does_not_differ_from_what_was_kept_of_it_until_it_changes, kept_process) {
    const any_memory frozen = captured;
    for (const any_memory& memory : {frozen, core}) {
        BOOST_TEST(differences_of(memory, live, parts).empty());
        BOOST_TEST(differences_of(live, memory, parts).empty());
    }
    BOOST_TEST(differences_of(core, frozen, parts).empty());
    poke(some.page(3) - 2, "abcd");
    poke(zeros.page(100), "x");
    differences expected{{{some.page(3) - 2, some.page(3) + 2}, difference::bytes},
                         {{zeros.page(100), zeros.page(100) + 1}, difference::bytes}};
    if (zeros.start() < some.start()) std::swap(expected[0], expected[1]);
    for (const any_memory& memory : {frozen, core}) {
        BOOST_TEST((differences_of(memory, live, parts) == expected));
        BOOST_TEST((differences_of(live, memory, parts) == expected));
    }
    std::vector<address_range> runs;
    for (const memory_difference& d : expected) runs.push_back(d.range);
    vmio::capture_options options;
    options.ranges = parts;
    const process_snapshot now = process_snapshot::capture(process(child.id()), options);
    BOOST_TEST((vmio::diff(captured, now) == runs));
    BOOST_TEST((differences_of(captured, now, parts) == expected));
}

BOOST_FIXTURE_TEST_CASE(a_comparison_of_a_process_makes_no_page_of_it_present, kept_process) {
    BOOST_TEST(differences_of(core, live, {zeros.range()}).empty());
    const auto present = vmio::scan_pages(process(child.id()), zeros.range(), vmio::page_state::present);
    BOOST_TEST(present.empty());
}

BOOST_AUTO_TEST_CASE(memory_of_only_one_is_reported_as_such_by_address) {
    parts_of_bytes one{std::vector<std::byte>(10 * page), {{0, 4 * page}, {6 * page, 7 * page}}};
    parts_of_bytes other{one.bytes, {{page / 2, 3 * page}, {5 * page, 9 * page}}};
    other.bytes[page] = std::byte{1};
    other.bytes[6 * page + 5] = std::byte{1};
    const differences expected{
        {{0, page / 2}, difference::only_before},          {{page, page + 1}, difference::bytes},
        {{3 * page, 4 * page}, difference::only_before},   {{5 * page, 6 * page}, difference::only_after},
        {{6 * page + 5, 6 * page + 6}, difference::bytes}, {{7 * page, 9 * page}, difference::only_after}};
    for (const std::size_t most : {std::size_t{7}, page, SIZE_MAX}) {
        one.most = most;
        BOOST_TEST((differences_of(one, other) == expected));
    }
    differences reverse = expected;
    for (memory_difference& d : reverse)
        if (d.kind != difference::bytes)
            d.kind = d.kind == difference::only_before ? difference::only_after : difference::only_before;
    BOOST_TEST((differences_of(other, one) == reverse));
    BOOST_TEST((differences_of(one, other, {{page, page + 1}, {8 * page, 10 * page}}) ==
                differences{expected[1], {{8 * page, 9 * page}, difference::only_after}}));
    const parts_of_bytes nothing{{}, {}};
    BOOST_TEST(differences_of(nothing, nothing).empty());
    BOOST_TEST(differences_of(nothing, one).size() == 2u);
}

BOOST_AUTO_TEST_CASE(runs_are_joined_within_a_distance_but_not_across_what_cannot_be_compared) {
    parts_of_bytes one{std::vector<std::byte>(4 * page), {{0, page}, {page + 1, 2 * page}}};
    parts_of_bytes other = one;
    for (const std::size_t at : {std::size_t{10}, std::size_t{14}, std::size_t{30}, page - 1, page + 3})
        other.bytes[at] = std::byte{1};
    const differences joined{{{10, 15}, difference::bytes},
                             {{30, 31}, difference::bytes},
                             {{page - 1, page}, difference::bytes},
                             {{page + 3, page + 4}, difference::bytes}};
    for (const std::size_t most : {std::size_t{1}, std::size_t{12}, SIZE_MAX}) {
        other.most = most;
        BOOST_TEST((differences_of(one, other, {}, 3) == joined));
    }
    BOOST_TEST(differences_of(one, other).size() == 5u);
    BOOST_TEST(differences_of(one, other, {}, page).size() == 2u);
}

BOOST_AUTO_TEST_CASE(a_comparison_ends_when_it_is_told_to_and_with_an_error_of_a_memory) {
    parts_of_bytes one{std::vector<std::byte>(2 * page), {{0, 2 * page}}};
    parts_of_bytes other = one;
    other.bytes[1] = other.bytes[5] = std::byte{1};
    int calls = 0;
    vmio::diff(one, other, [&](const memory_difference&) { return ++calls, false; });
    BOOST_TEST(calls == 1);
    struct always_broken {
        std::size_t read_some(address, std::span<std::byte>, std::error_code& ec) const noexcept {
            return ec.assign(ETIMEDOUT, std::system_category()), 0;
        }
        std::vector<address_range> ranges() const { return {{0, 10}}; }
    };
    BOOST_TEST(test::error_of([&] { differences_of(one, always_broken()); }) == ETIMEDOUT);
    test::child_process child;
    const any_memory gone = process_memory(process(child.id()));
    child.end();
    BOOST_TEST(test::error_of([&] { differences_of(one, gone); }) == ESRCH);
}
