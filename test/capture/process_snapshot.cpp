// SPDX-License-Identifier: BSL-1.0
/// What is captured, and what can be done with it.
#include <vmio/process_snapshot.hpp>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include <sys/mman.h>

#include <boost/test/unit_test.hpp>

#include <vmio/block_scanner.hpp>
#include <vmio/build_id.hpp>
#include <vmio/byte_pattern.hpp>
#include <vmio/memory.hpp>
#include <vmio/memory_stream.hpp>
#include <vmio/memory_view.hpp>

#include "processes/child.hpp"
#include "processes/stopped.hpp"
#include "support/kernel_features.hpp"
#include "support/mapped.hpp"
#include "support/pages.hpp"
#include "support/snapshots.hpp"

using test::child_process;
using test::equal;
using test::is_pattern;
using test::mapped;
using test::on_self_and_child;
using test::pages;
using vmio::address;
using vmio::address_range;
using vmio::capture_options;
using vmio::gap_reason;
using vmio::memory_gap;
using vmio::process;
using vmio::process_snapshot;

static_assert(vmio::memory_reader<process_snapshot> && !vmio::memory_writer<process_snapshot>);

namespace {

const std::size_t page = vmio::page_size();

capture_options only(std::vector<address_range> ranges) {
    capture_options options;
    options.ranges = std::move(ranges);
    return options;
}

std::vector<std::byte> bytes_of(const process_snapshot& s, const address_range& range) {
    std::vector<std::byte> bytes(static_cast<std::size_t>(range.size()));
    s.read(range.start(), bytes);
    return bytes;
}

bool same(std::span<const address_range> found, const std::vector<address_range>& expected) {
    return std::ranges::equal(found, expected);
}

bool same(std::span<const memory_gap> found, const std::vector<memory_gap>& expected) {
    return std::ranges::equal(found, expected);
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_moved_from_capture_is_unchanged) {
    const pages memory(2);
    process_snapshot first = process_snapshot::capture(process::self(), only({memory.range()}));
    const process_snapshot second = std::move(first);
    BOOST_TEST(same(first.ranges(), {memory.range()}));  // NOLINT(bugprone-use-after-move)
    BOOST_TEST(same(second.ranges(), {memory.range()}));
}

BOOST_AUTO_TEST_CASE(a_capture_is_unchanged_whatever_the_process_does) {
    const pages memory(5);
    child_process child;
    const process_snapshot s = process_snapshot::capture(process(child.id()), only({memory.range()}));
    child.end();
    BOOST_TEST(same(s.ranges(), {memory.range()}));
    BOOST_TEST(s.gaps().empty());
    BOOST_TEST(is_pattern(memory.start(), bytes_of(s, memory.range())));
    const process_snapshot copy = s;
    BOOST_TEST(is_pattern(memory.page(3), bytes_of(copy, {memory.page(3), memory.page(4)})));
}

BOOST_AUTO_TEST_CASE(every_byte_of_a_process_at_rest_is_captured) {
    constexpr std::uint64_t worth_looking_through = std::uint64_t{64} << 20;
    const pages memory(100);
    const mapped untouched(100);
    const child_process child;
    const test::stopped at_rest(child.id());
    const process_snapshot s = process_snapshot::capture(process(child.id()));
    BOOST_TEST(s.ranges().size() > 5u);
    std::size_t compared = 0;
    for (const address_range& range : s.ranges()) {
        if (range.size() > worth_looking_through) continue;  // what a sanitizer reserves
        BOOST_TEST(equal(bytes_of(s, range), test::peek(child.id(), range.start(), range.size())));
        compared += range.size();
    }
    BOOST_TEST(compared > memory.size() + untouched.size());
    for (const address_range& range : s.stored())
        BOOST_TEST(equal(bytes_of(s, range), test::peek(child.id(), range.start(), range.size())));
    for (const memory_gap& gap : s.gaps()) BOOST_TEST((gap.reason != gap_reason::unmapped));
}

BOOST_AUTO_TEST_CASE(zeros_are_not_stored_and_read_as_zeros) {
    const mapped sparse(std::size_t{1} << 16);
    sparse.write(100);
    sparse.write(40000);
    sparse.write(40001, 0);  // there, and zero
    const mapped shared(1000, MAP_SHARED | MAP_ANONYMOUS);
    shared.write(10);
    on_self_and_child([&](pid_t id) {
        const process_snapshot s = process_snapshot::capture(process(id), only({sparse.range(), shared.range()}));
        BOOST_TEST(same(s.stored(), vmio::address_range(sparse.page(100), sparse.page(101)).start() < shared.start()
                                        ? std::vector<address_range>{{sparse.page(100), sparse.page(101)},
                                                                     {sparse.page(40000), sparse.page(40001)},
                                                                     {shared.page(10), shared.page(11)}}
                                        : std::vector<address_range>{{shared.page(10), shared.page(11)},
                                                                     {sparse.page(100), sparse.page(101)},
                                                                     {sparse.page(40000), sparse.page(40001)}}));
        BOOST_TEST(s.memory_used() == 3 * page);
        BOOST_TEST((s.read_value<char>(sparse.page(100)) == 1));
        const auto bytes = bytes_of(s, {sparse.page(40000), sparse.page(50000)});
        BOOST_TEST((bytes[0] == std::byte{1}));
        BOOST_TEST(test::all_equal(std::span(bytes).subspan(1), std::byte{0}));
    });
}

BOOST_AUTO_TEST_CASE(a_read_ends_at_a_gap_and_fails_in_one, *boost::unit_test::precondition(test::has_guard_pages)) {
    pages memory(6);
    BOOST_REQUIRE(test::install_guards(memory.data() + 2 * page, page));
    memory.make_hole(5);
    on_self_and_child([&](pid_t id) {
        const process_snapshot s = process_snapshot::capture(process(id), only({memory.range()}));
        BOOST_TEST(same(s.gaps(), {{{memory.page(2), memory.page(3)}, gap_reason::guard_page},
                                   {{memory.page(5), memory.page(6)}, gap_reason::no_permission}}));
        BOOST_TEST(same(s.ranges(), {{memory.page(0), memory.page(2)}, {memory.page(3), memory.page(5)}}));
        std::vector<std::byte> bytes(6 * page);
        std::error_code ec = std::make_error_code(std::errc::io_error);
        BOOST_TEST(s.read_some(memory.start() + 5, bytes, ec) == 2 * page - 5);
        BOOST_TEST(!ec);
        BOOST_TEST(is_pattern(memory.start() + 5, std::span(bytes).first(2 * page - 5)));
        BOOST_TEST(s.read_some(memory.page(3), bytes, ec) == 2 * page);
        BOOST_TEST(is_pattern(memory.page(3), std::span(bytes).first(2 * page)));
        for (const address bad : {memory.page(2), memory.page(3) - 1, memory.page(5), address{0}, ~address{0}}) {
            BOOST_TEST(s.read_some(bad, bytes, ec) == 0u);
            BOOST_TEST(ec.value() == EFAULT);
        }
        BOOST_TEST(s.read_some(0, {}, ec) == 0u);
        BOOST_TEST(!ec);
        BOOST_CHECK_EXCEPTION(s.read(memory.start(), bytes), vmio::memory_error, [&](const vmio::memory_error& e) {
            return e.where() == memory.page(2) && e.process_id() == id && e.code().value() == EFAULT;
        });
    });
}

BOOST_AUTO_TEST_CASE(whole_pages_of_chosen_ranges_are_captured_and_the_rest_is_gaps) {
    const pages memory(8);
    BOOST_REQUIRE(::munmap(memory.data() + 5 * page, 2 * page) == 0);
    const child_process child;
    const address_range part(memory.page(1) + 100, memory.page(2) + 1);
    capture_options options = only({{memory.page(4), memory.page(8)}, part, {part.start(), part.start()}});
    const process_snapshot s = process_snapshot::capture(process(child.id()), options);
    BOOST_TEST(
        same(s.ranges(),
             {{memory.page(1), memory.page(3)}, {memory.page(4), memory.page(5)}, {memory.page(7), memory.page(8)}}));
    BOOST_TEST(same(s.gaps(), {{{memory.page(5), memory.page(7)}, gap_reason::unmapped}}));
    options.regions.within = {memory.page(2), memory.page(5)};
    const process_snapshot within = process_snapshot::capture(process(child.id()), options);
    BOOST_TEST(same(within.ranges(), {{memory.page(2), memory.page(3)}, {memory.page(4), memory.page(5)}}));
    BOOST_TEST(within.gaps().empty());
    ::mmap(memory.data() + 5 * page, 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

BOOST_AUTO_TEST_CASE(filters_are_those_of_a_region_reader) {
    pages memory(4);
    memory.protect(1, PROT_READ, 1);
    BOOST_REQUIRE(::madvise(memory.data() + 3 * page, page, MADV_DONTDUMP) == 0);
    const child_process child;
    capture_options options;
    options.regions.within = memory.range();
    options.regions.wanted = [](const vmio::mapping& m) { return m.perms.write; };
    options.regions.skip_dontdump = true;
    const process_snapshot s = process_snapshot::capture(process(child.id()), options);
    BOOST_TEST(same(s.ranges(), {{memory.page(0), memory.page(1)}, {memory.page(2), memory.page(3)}}));
    BOOST_TEST(s.gaps().empty());
}

BOOST_AUTO_TEST_CASE(the_stored_size_is_within_the_limit) {
    const pages memory(200);
    const child_process child;
    capture_options options = only({memory.range()});
    for (const std::size_t most : {std::size_t{0}, page - 1, page, 70 * page + 5, 199 * page, 200 * page}) {
        options.max_stored = most;
        const process_snapshot s = process_snapshot::capture(process(child.id()), options);
        const std::size_t kept = most / page;
        BOOST_TEST(s.memory_used() == kept * page);
        if (kept > 0) BOOST_TEST(is_pattern(memory.start(), bytes_of(s, {memory.start(), memory.page(kept)})));
        if (kept < 200) BOOST_TEST(same(s.gaps(), {{{memory.page(kept), memory.page(200)}, gap_reason::over_limit}}));
    }
}

BOOST_AUTO_TEST_CASE(files_are_captured_as_the_process_sees_them) {
    const test::unnamed_file file(6);
    const mapped changed(6, MAP_PRIVATE, file.get());
    changed.write(1, 'X');
    const mapped beyond(8, MAP_SHARED, file.get());
    for (const bool use_backing_files : {true, false})
        on_self_and_child([&](pid_t id) {
            capture_options options = only({changed.range(), beyond.range()});
            options.regions.use_backing_files = use_backing_files;
            const process_snapshot s = process_snapshot::capture(process(id), options);
            BOOST_TEST(s.read_value<char>(changed.page(0)) == 'a');
            BOOST_TEST(s.read_value<char>(changed.page(1)) == 'X');
            BOOST_TEST(s.read_value<char>(changed.page(1) + 1) == 'b');
            BOOST_TEST(s.read_value<char>(changed.page(6) - 1) == 'f');
            BOOST_TEST(same(s.gaps(), {{{beyond.page(6), beyond.page(8)}, gap_reason::past_end_of_file}}));
            BOOST_TEST(s.read_value<char>(beyond.page(5)) == 'f');
        });
}

BOOST_AUTO_TEST_CASE(a_capture_is_a_memory_for_devices_streams_and_scanners) {
    pages memory(4);
    std::memcpy(memory.data() + page + 11, "needle", 7);
    memory.make_hole(3);
    const child_process child;
    const process_snapshot s = process_snapshot::capture(process(child.id()), only({memory.range()}));
    const std::span<const std::byte> expected = memory.bytes().first(3 * page);

    vmio::memory_device<process_snapshot> device(s, {memory.page(1), memory.page(3)});
    std::string text(3 * page, ' ');
    BOOST_TEST(device.read(text.data(), static_cast<std::streamsize>(text.size())) ==
               static_cast<std::streamsize>(2 * page));
    BOOST_TEST(std::memcmp(text.data(), &expected[page], 2 * page) == 0);

    vmio::memory_istream<process_snapshot> in(s, memory.page(1) + 11);
    in >> std::ws;
    std::getline(in, text, '\0');
    BOOST_TEST(text == "needle");
    in.seekg(static_cast<std::streamoff>(memory.page(3)));
    BOOST_TEST(in.get() == EOF);
    BOOST_TEST(in.bad());
    BOOST_TEST(in.last_error().value() == EFAULT);

    const std::vector<vmio::memory_block> blocks{{memory.page(1), 64}, {memory.page(3), 8}, {memory.page(3) - 8, 16}};
    const vmio::block_scan scan = vmio::scan_blocks(s, blocks);
    BOOST_TEST(equal(scan[0].bytes, expected.subspan(page, 64)));
    BOOST_TEST(scan[1].error.value() == EFAULT);
    BOOST_TEST(scan[2].bytes.size() == 8u);

    const vmio::cow_view view = s.view({memory.page(0), memory.page(3)});
    const vmio::memory_view typed(memory.start(), view.bytes());
    BOOST_TEST(typed.value_at<std::uint64_t>(memory.page(2)) == s.read_value<std::uint64_t>(memory.page(2)));
    BOOST_TEST(typed.string(page + 11) == "needle");
    BOOST_TEST(vmio::byte_pattern::text("needle").find(view.bytes()) == page + 11);
}

BOOST_AUTO_TEST_CASE(every_region_can_be_viewed_changed_and_restored) {
    const pages memory(20);
    const mapped sparse(100);
    sparse.write(50, 7);
    const child_process child;
    const process_snapshot s = process_snapshot::capture(process(child.id()), only({memory.range(), sparse.range()}));
    vmio::cow_view view = s.view({memory.page(5), memory.page(15)});
    BOOST_TEST(view.size() == 10 * page);
    BOOST_TEST(is_pattern(memory.page(5), view.bytes()));
    view[3 * page] ^= std::byte{1};
    BOOST_TEST((view.changed() == std::vector<vmio::changed_run>{{3 * page, page}}));
    BOOST_TEST(is_pattern(memory.start(), bytes_of(s, memory.range())));
    const vmio::snapshot branch = view.take_snapshot();
    view.restore();
    BOOST_TEST(is_pattern(memory.page(5), view.bytes()));
    std::ranges::fill(view.bytes(), std::byte{1});  // now to be dropped, rather than copied back
    view.restore();
    BOOST_TEST(is_pattern(memory.page(5), view.bytes()));
    const vmio::cow_view branch_view = branch.view();
    BOOST_TEST(!is_pattern(memory.page(5), branch_view.bytes()));
    BOOST_TEST(is_pattern(memory.page(5), branch_view.bytes().first(3 * page)));

    const vmio::snapshot part = s.bytes({sparse.page(40), sparse.page(60)});
    BOOST_TEST(part.memory_used() == page);
    BOOST_TEST((part.view()[10 * page] == std::byte{7}));
    vmio::snapshot own = part.clone();
    own.view_mutable()[0] = std::byte{9};
    BOOST_TEST((own.view()[0] == std::byte{9}));
    BOOST_TEST((own.view()[10 * page] == std::byte{7}));
    BOOST_TEST(s.read_value<char>(sparse.page(40)) == 0);
    BOOST_TEST(s.bytes({sparse.page(1), sparse.page(1)}).size() == 0u);
}

BOOST_AUTO_TEST_CASE(a_view_may_span_neighbouring_mappings_and_gaps_but_nothing_else,
                     *boost::unit_test::precondition(test::has_guard_pages)) {
    pages memory(8);
    memory.protect(2, PROT_READ);
    BOOST_REQUIRE(test::install_guards(memory.data() + 4 * page, page));
    memory.make_hole(6);
    const child_process child;
    const process_snapshot s = process_snapshot::capture(process(child.id()), only({memory.range()}));
    const vmio::cow_view view = s.view({memory.page(0), memory.page(6)});
    BOOST_TEST(is_pattern(memory.page(0), view.bytes().first(4 * page)));
    BOOST_TEST(test::all_equal(view.bytes().subspan(4 * page, page), std::byte{0}));
    BOOST_TEST(is_pattern(memory.page(5), view.bytes().subspan(5 * page)));
    BOOST_CHECK_THROW(s.view({memory.page(0), memory.page(7)}), std::out_of_range);
    BOOST_CHECK_THROW(s.view({memory.page(6), memory.page(7)}), std::out_of_range);
    BOOST_CHECK_THROW(s.view({memory.page(0), memory.page(1) + 1}), std::invalid_argument);
    BOOST_CHECK_THROW(s.view({memory.page(0) + 8, memory.page(1)}), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(map_build_ids_time_and_process_are_kept) {
    const child_process child;
    const process target(child.id());
    const auto before = std::chrono::system_clock::now();
    const pages memory(1);
    const process_snapshot s = process_snapshot::capture(target, only({memory.range()}));
    BOOST_TEST(s.process_id() == child.id());
    BOOST_TEST((s.time() >= before && s.time() <= std::chrono::system_clock::now()));
    BOOST_TEST(!s.paused());
    std::size_t ids = 0;
    for (const vmio::mapping& m : vmio::memory_map::load(target)) {
        if (m.name == "[vsyscall]") continue;
        const vmio::mapping* const kept = s.map().find(m.range.start());
        BOOST_REQUIRE(kept != nullptr);
        BOOST_TEST((*kept == m));
        const std::vector<std::byte> id = m.perms.execute ? vmio::build_id(target, m) : std::vector<std::byte>();
        if (m.perms.execute) BOOST_TEST(equal(s.build_id(*kept), id));
        ids += id.empty() ? 0 : 1;
    }
    BOOST_TEST(ids > 1u);
    const auto own = test::address_of(reinterpret_cast<const void*>(&only));
    const vmio::mapping* const code = s.map().find(own);
    BOOST_REQUIRE(code != nullptr);
    for (const vmio::mapping& m : s.map())
        if (m.file_backed() && m.name == code->name) BOOST_TEST(equal(s.build_id(m), s.build_id(*code)));
}
