// SPDX-License-Identifier: BSL-1.0
#include <vmio/region_reader.hpp>

#include <algorithm>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <sys/mman.h>

#include <boost/test/unit_test.hpp>

#include <vmio/memory_map.hpp>

#include "processes/child.hpp"
#include "support/kernel_features.hpp"
#include "support/mapped.hpp"
#include "support/pages.hpp"
#include "support/regions.hpp"

using test::child_process;
using test::in;
using test::is_pattern;
using test::mapped;
using test::on_self_and_child;
using test::pages;
using vmio::address;
using vmio::address_range;
using vmio::gap_reason;
using vmio::memory_gap;
using vmio::process;
using vmio::region_options;
using vmio::region_reader;

namespace {

const std::size_t page = vmio::page_size();
constexpr std::size_t mebibyte = std::size_t{1} << 20;

/// All bytes of `range`, put together from chunks that have no overlap; gaps go to `gaps`.
std::vector<std::byte> bytes_of(region_reader& reader, std::vector<memory_gap>* gaps = nullptr) {
    std::vector<std::byte> all;
    for (region_reader& chunk : reader) {
        const auto bytes = chunk.fetch();
        all.insert(all.end(), bytes.begin(), bytes.end());
        if (gaps != nullptr) gaps->insert(gaps->end(), chunk.memory_gaps().begin(), chunk.memory_gaps().end());
    }
    return all;
}

bool all_zero(std::span<const std::byte> bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte(0); });
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_readable_mapping_is_visited_whole_and_in_order) {
    const child_process child;
    const auto map = vmio::memory_map::load(process(child.id()));
    region_reader reader{process(child.id())};
    std::size_t visited = 0;
    address last = 0;
    while (reader.next()) {
        BOOST_TEST(reader.range().start() >= last);
        last = reader.range().end();
        const vmio::mapping* const m = map.find(reader.range().start());
        BOOST_REQUIRE(m != nullptr);
        BOOST_TEST((m->range == reader.range() && *m == reader.mapping()));
        const auto bytes = reader.fetch();
        BOOST_TEST(bytes.size() + reader.cut_off().size() == reader.range().size());
        ++visited;
    }
    const auto readable = std::count_if(map.begin(), map.end(), [](const vmio::mapping& m) {
        return m.perms.read && !m.name.starts_with("[vvar") && m.name != "[vsyscall]";
    });
    BOOST_TEST(visited == static_cast<std::size_t>(readable));
    BOOST_TEST(!reader.next());
    BOOST_TEST(reader.range().empty());
}

BOOST_AUTO_TEST_CASE(chunks_of_any_size_give_each_byte_once) {
    const pages memory(11);
    on_self_and_child([&](pid_t id) {
        for (const std::size_t chunk : {std::size_t{0}, std::size_t{1}, page / 2, page, page + page / 2, 3 * page,
                                        11 * page, 64 * mebibyte, ~std::size_t{0}}) {
            region_reader reader(process(id), in(memory.range(), chunk));
            address at = memory.start();
            while (reader.next()) {
                BOOST_TEST(reader.range().start() == at);
                at = reader.range().end();
                BOOST_TEST(((at - memory.start()) % page) == 0U);
                const auto bytes = reader.fetch();
                BOOST_TEST(bytes.size() == reader.range().size());
                BOOST_TEST(is_pattern(reader.range().start(), bytes));
            }
            BOOST_TEST(at == memory.range().end());
        }
    });
}

BOOST_AUTO_TEST_CASE(each_chunk_but_the_first_begins_with_the_end_of_the_one_before) {
    const pages memory(9);
    const child_process child;
    for (const std::size_t overlap : {std::size_t{1}, std::size_t{100}, page, page + 1, 4 * page + 5, 100 * page})
        for (const bool all : {true, false}) {
            region_reader reader(process(child.id()), in(memory.range(), 2 * page, overlap));
            address seam = memory.start();
            for (int i = 0; reader.next(); ++i) {
                const auto before = std::min<std::uint64_t>(overlap, seam - memory.start());
                BOOST_TEST(reader.range().start() == seam - before);
                seam = reader.range().end();
                if (!all && i % 2 == 0) continue;
                const auto bytes = reader.fetch();
                BOOST_TEST(bytes.size() == reader.range().size());
                BOOST_TEST(is_pattern(reader.range().start(), bytes));
            }
            BOOST_TEST(seam == memory.range().end());
        }
}

BOOST_AUTO_TEST_CASE(the_overlap_keeps_the_gaps_that_lie_in_it,
                     *boost::unit_test::precondition(test::has_guard_pages)) {
    const pages memory(6);
    BOOST_REQUIRE(test::install_guards(memory.data() + page, page));
    const child_process child;
    region_reader reader(process(child.id()), in(memory.range(), 2 * page, page));
    BOOST_REQUIRE(reader.next());
    reader.fetch();
    const address_range guard = address_range::of_size(memory.page(1), page);
    BOOST_REQUIRE(reader.gaps().size() == 1U);
    BOOST_TEST((reader.gaps()[0] == guard));
    BOOST_REQUIRE(reader.next());
    BOOST_TEST(reader.gaps().empty());
    const auto bytes = reader.fetch();
    BOOST_REQUIRE(reader.gaps().size() == 1U);
    BOOST_TEST((reader.gaps()[0] == guard));
    BOOST_TEST(all_zero(bytes.first(page)));
    BOOST_TEST(is_pattern(memory.page(2), bytes.subspan(page)));
    BOOST_REQUIRE(reader.next());
    reader.fetch();
    BOOST_TEST(reader.gaps().empty());
}

BOOST_AUTO_TEST_CASE(a_guard_page_loses_only_itself, *boost::unit_test::precondition(test::has_guard_pages)) {
    const pages memory(5);
    BOOST_REQUIRE(test::install_guards(memory.data() + 2 * page, page));
    on_self_and_child([&](pid_t id) {
        for (const bool skip_untouched : {true, false}) {
            auto options = in(memory.range());
            options.skip_untouched = skip_untouched;
            region_reader reader(process(id), options);
            BOOST_REQUIRE(reader.next());
            const auto bytes = reader.fetch();
            BOOST_REQUIRE(reader.memory_gaps().size() == 1U);
            BOOST_TEST((reader.memory_gaps()[0] ==
                        memory_gap{address_range::of_size(memory.page(2), page), gap_reason::guard_page}));
            BOOST_TEST(is_pattern(memory.start(), bytes.first(2 * page)));
            BOOST_TEST(all_zero(bytes.subspan(2 * page, page)));
            BOOST_TEST(is_pattern(memory.page(3), bytes.subspan(3 * page)));
        }
    });
}

BOOST_AUTO_TEST_CASE(reset_in_the_middle_of_a_region_begins_with_the_first) {
    const pages memory(6);
    region_reader reader(process::self(), in(memory.range(), 2 * page));
    BOOST_REQUIRE(reader.next() && reader.next());
    reader.fetch();
    reader.reset();
    BOOST_TEST(reader.range().empty());
    BOOST_TEST(reader.fetch().empty());
    BOOST_REQUIRE(reader.next());
    BOOST_TEST((reader.range() == address_range(memory.start(), memory.page(2))));
    BOOST_TEST(is_pattern(memory.start(), reader.fetch()));
    std::size_t rest = 0;
    while (reader.next()) ++rest;
    BOOST_TEST(rest == 2U);
    BOOST_TEST(bytes_of(reader).size() == memory.size());  // a second pass
}

BOOST_AUTO_TEST_CASE(a_chunk_larger_than_the_maximum_is_cut_off_and_says_so) {
    const pages memory(8);
    const child_process child;
    auto options = in(memory.range());
    for (const auto& [most, got] : {std::pair{8 * page, 8 * page},
                                    {9 * page, 8 * page},
                                    {7 * page + 1, 7 * page},
                                    {page, page},
                                    {std::size_t{0}, page}}) {
        options.max_fetched_size = most;
        region_reader reader(process(child.id()), options);
        BOOST_REQUIRE(reader.next());
        BOOST_TEST((reader.range() == memory.range()));
        BOOST_TEST((reader.cut_off() == address_range(memory.start() + got, memory.range().end())));
        BOOST_TEST(reader.fetch().size() == got);
        BOOST_TEST(is_pattern(memory.start(), reader.fetch()));
        BOOST_TEST(!reader.next());
    }
    // A cut chunk, and an overlap with what was cut off.
    options.chunk_size = 4 * page;
    options.overlap = 100;
    options.max_fetched_size = 2 * page;
    region_reader reader(process(child.id()), options);
    BOOST_REQUIRE(reader.next());
    BOOST_TEST(reader.fetch().size() == 2 * page);
    BOOST_REQUIRE(reader.next());
    BOOST_TEST(reader.range().start() == memory.page(4) - 100);
    BOOST_TEST(reader.fetch().size() == 2 * page + 100);
    BOOST_TEST(is_pattern(reader.range().start(), reader.fetch()));
}

BOOST_AUTO_TEST_CASE(bytes_of_a_chunk_before_never_show_in_one_that_was_never_touched) {
    const mapped memory(64);
    for (std::size_t i = 0; i < 16; ++i) std::memset(memory.data(i), 0x5a, page);
    memory.write(40, 7);
    const child_process child;
    region_reader reader(process(child.id()), in(memory.range(), 16 * page, 10));
    for (std::size_t i = 0; reader.next(); ++i) {
        const auto bytes = reader.fetch();
        const auto fresh = i == 0 ? bytes : bytes.subspan(10);
        if (i == 0) BOOST_TEST(test::all_equal(fresh, std::byte(0x5a)));
        if (i == 1) BOOST_TEST(test::all_equal(bytes.first(10), std::byte(0x5a)));
        if (i == 2) BOOST_TEST((fresh[8 * page] == std::byte(7) && all_zero(fresh.subspan(8 * page + 1))));
        if (i == 1 || i == 3) BOOST_TEST(all_zero(fresh));
    }
}

BOOST_AUTO_TEST_CASE(a_clipped_region_may_begin_and_end_anywhere) {
    const pages memory(6);
    const child_process child;
    for (const std::size_t chunk : {std::size_t{0}, page, 2 * page}) {
        const address_range range(memory.start() + 123, memory.page(4) + 7);
        region_reader reader(process(child.id()), in(range, chunk));
        const auto bytes = bytes_of(reader);
        BOOST_TEST(bytes.size() == range.size());
        BOOST_TEST(is_pattern(range.start(), bytes));
    }
}

BOOST_AUTO_TEST_CASE(a_mapping_made_after_the_reader_is_found) {
    region_reader reader{process::self()};
    const pages memory(3);
    bool found = false;
    for (region_reader& chunk : reader)
        if (chunk.range().contains(memory.start())) {
            found = true;
            const auto at = static_cast<std::size_t>(memory.start() - chunk.range().start());
            BOOST_TEST(is_pattern(memory.start(), chunk.fetch().subspan(at, memory.size())));
        }
    BOOST_TEST(found);
}

BOOST_AUTO_TEST_CASE(memory_unmapped_before_the_fetch_is_a_gap) {
    const mapped memory(8);
    int go[2];
    int gone[2];
    BOOST_REQUIRE((::pipe(go) == 0 && ::pipe(gone) == 0));
    const child_process child([&] {
        std::thread([&] {
            char byte;
            if (::read(go[0], &byte, 1) == 1) ::munmap(memory.data(2), 4 * page);
            test::must(::write(gone[1], "", 1) == 1, "write");
        }).detach();
    });
    region_reader reader(process(child.id()), in(memory.range()));
    BOOST_REQUIRE(reader.next());
    char byte;
    BOOST_REQUIRE((::write(go[1], "", 1) == 1 && ::read(gone[0], &byte, 1) == 1));
    BOOST_TEST(all_zero(reader.fetch()));
    BOOST_REQUIRE(reader.memory_gaps().size() == 1U);
    BOOST_TEST((reader.memory_gaps()[0] == memory_gap{{memory.page(2), memory.page(6)}, gap_reason::unmapped}));
    for (const int fd : {go[0], go[1], gone[0], gone[1]}) ::close(fd);
}

BOOST_AUTO_TEST_CASE(a_target_that_ends_is_an_error_and_not_the_end) {
    const pages memory(4);
    child_process child;
    region_reader reader(process(child.id()), in(memory.range(), page));
    BOOST_REQUIRE(reader.next());
    reader.fetch();
    child.end();
    BOOST_REQUIRE(reader.next());  // the same region
    BOOST_CHECK_EXCEPTION(reader.fetch(), vmio::memory_error,
                          [](const vmio::memory_error& e) { return e.code() == vmio::errc::no_such_process; });
    region_reader other(process::self(), in(memory.range(), page));
    other = region_reader(process::self());
    BOOST_TEST(other.next());
}

BOOST_AUTO_TEST_CASE(regions_can_be_chosen_by_their_mapping) {
    const mapped memory(4);
    memory.write(1);
    auto options = in({});
    options.within = {0, ~address{0}};
    options.wanted = [&](const vmio::mapping& m) { return m.name == "[stack]"; };
    region_reader reader(process::self(), options);
    BOOST_REQUIRE(reader.next());
    BOOST_TEST(reader.range().contains(test::address_of(&options)));
    BOOST_TEST(!reader.next());
}

BOOST_AUTO_TEST_CASE(memory_that_is_not_to_be_dumped_can_be_left_out) {
    const mapped memory(3);
    for (const std::size_t i : {0U, 1U, 2U}) memory.write(i);
    BOOST_REQUIRE(::madvise(memory.data(1), page, MADV_DONTDUMP) == 0);
    auto options = in(memory.range());
    region_reader all(process::self(), options);
    BOOST_TEST(bytes_of(all).size() == 3 * page);
    options.skip_dontdump = true;
    region_reader some(process::self(), options);
    std::vector<address> starts;
    for (region_reader& chunk : some) starts.push_back(chunk.range().start());
    BOOST_TEST((starts == std::vector<address>{memory.page(0), memory.page(2)}));
}

BOOST_AUTO_TEST_CASE(slices_of_neighbouring_regions_are_one_view) {
    pages memory(7);
    memory.protect(2, PROT_READ, 2);  // three mappings now
    const child_process child;
    const vmio::process_memory target{process(child.id())};
    for (const std::size_t chunk : {std::size_t{0}, std::size_t{1}, page, 3 * page})
        for (const std::size_t most : {std::size_t{0}, page, mebibyte}) {
            region_options options;
            options.chunk_size = chunk;
            options.max_fetched_size = most;
            options.overlap = 77;
            const address_range range(memory.start() + 5, memory.range().end() - 5);
            std::vector<std::byte> all;
            BOOST_TEST(vmio::for_each_slice(
                target, range,
                [&](address at, std::span<const std::byte> bytes) {
                    BOOST_TEST(at == range.start() + all.size());
                    all.insert(all.end(), bytes.begin(), bytes.end());
                },
                options));
            BOOST_TEST(all.size() == range.size());
            BOOST_TEST(is_pattern(range.start(), all));
        }
    const auto ignore = [](address, std::span<const std::byte>) {};
    memory.make_hole(3);
    BOOST_TEST(!vmio::for_each_slice(vmio::process_memory(process::self()), memory.range(), ignore));
    BOOST_TEST(!vmio::for_each_slice(target, {memory.start() - page * 1000, memory.page(1)}, ignore));
    BOOST_TEST(vmio::for_each_slice(target, {memory.start(), memory.start()}, ignore));
}

BOOST_AUTO_TEST_CASE(a_large_buffer_is_zero_again_where_the_next_chunk_is) {
    const std::size_t size = (std::size_t{8} << 20) / page;
    const mapped memory(2 * size + 1);
    for (std::size_t i = 0; i < size; ++i) std::memset(memory.data(i), 0x5a, page);
    memory.write(2 * size, 7);
    const child_process child;
    region_reader first(process(child.id()), in(memory.range(), size * page, 0));
    region_reader reader = std::move(first);
    BOOST_TEST(reader.memory().process_id() == child.id());
    BOOST_REQUIRE(reader.next());
    BOOST_TEST(test::all_equal(reader.fetch(), std::byte(0x5a)));
    BOOST_REQUIRE(reader.next());
    BOOST_TEST(all_zero(reader.fetch()));
    BOOST_REQUIRE(reader.next());
    BOOST_TEST((reader.fetch()[0] == std::byte(7)));
}
