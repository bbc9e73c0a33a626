// SPDX-License-Identifier: BSL-1.0
// What the headers of this room promise of ranges, iterators and lifetimes, mostly to the compiler.
#include <algorithm>
#include <array>
#include <concepts>
#include <iterator>
#include <ranges>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <vmio/block_scanner.hpp>
#include <vmio/byte_pattern.hpp>
#include <vmio/core_memory.hpp>
#include <vmio/memory_search.hpp>
#include <vmio/memory_view.hpp>
#include <vmio/process_snapshot.hpp>
#include <vmio/region_reader.hpp>

#include "support/fake_memory.hpp"

using vmio::block_scan;
using vmio::memory_view;
using vmio::region_reader;

namespace {

using chunk_range = decltype(std::declval<const memory_view&>().chunks(1));
using word_range = decltype(std::declval<const memory_view&>().words());

template <class R>
concept random_access_by_value =
    std::ranges::random_access_range<R> && std::ranges::random_access_range<const R> && std::ranges::sized_range<R> &&
    std::ranges::common_range<R> && std::ranges::view<R> && std::ranges::borrowed_range<R> &&
    std::semiregular<std::ranges::iterator_t<R>> && std::totally_ordered<std::ranges::iterator_t<R>>;

static_assert(random_access_by_value<chunk_range> && random_access_by_value<word_range>);
static_assert(std::same_as<std::ranges::range_reference_t<chunk_range>, memory_view>);
static_assert(std::same_as<std::ranges::range_value_t<word_range>, vmio::address>);
static_assert(std::semiregular<memory_view> && std::is_trivially_copyable_v<memory_view>);

static_assert(std::ranges::contiguous_range<block_scan> && std::ranges::contiguous_range<const block_scan>);
static_assert(std::ranges::sized_range<block_scan> && std::ranges::common_range<block_scan>);
static_assert(std::semiregular<block_scan> && std::is_nothrow_move_constructible_v<block_scan>);
static_assert(!std::ranges::borrowed_range<block_scan>, "iterators do not keep the results");

static_assert(std::input_iterator<region_reader::iterator>);
static_assert(std::sentinel_for<std::default_sentinel_t, region_reader::iterator>);
static_assert(std::ranges::input_range<region_reader> && !std::ranges::forward_range<region_reader>);
static_assert(std::movable<region_reader> && !std::copyable<region_reader>);

static_assert(vmio::memory_with_ranges<vmio::process_snapshot> && vmio::memory_with_ranges<vmio::core_memory>);
static_assert(!vmio::memory_with_ranges<vmio::process_memory>, "search() of a process is another");
static_assert(std::copyable<vmio::byte_pattern>);

// What would dangle does not compile.

template <class T>
concept has_results = requires(T&& scan) {
    std::forward<T>(scan)[0];
}
|| requires(T&& scan) {
    std::forward<T>(scan).begin();
}
|| requires(T&& scan) {
    std::forward<T>(scan).end();
};

static_assert(has_results<block_scan&> && has_results<const block_scan&>);
static_assert(!has_results<block_scan> && !has_results<const block_scan>);
static_assert(requires(block_scan && scan) { std::move(scan).size(); });

template <class T>
concept has_chunk = requires(T&& r) {
    std::forward<T>(r).fetch();
}
|| requires(T&& r) {
    std::forward<T>(r).gaps();
}
|| requires(T&& r) {
    std::forward<T>(r).memory_gaps();
}
|| requires(T&& r) {
    std::forward<T>(r).untouched();
}
|| requires(T&& r) {
    std::forward<T>(r).mapping();
}
|| requires(T&& r) {
    std::forward<T>(r).begin();
}
|| requires(T&& r) {
    std::forward<T>(r).memory();
};

static_assert(has_chunk<region_reader&> && !has_chunk<region_reader> && !has_chunk<const region_reader>);

static_assert(std::constructible_from<memory_view, vmio::address, std::vector<std::byte>&>);
static_assert(std::constructible_from<memory_view, vmio::address, std::span<std::byte>>);
static_assert(!std::constructible_from<memory_view, vmio::address, std::vector<std::byte>>);
static_assert(!std::constructible_from<memory_view, vmio::address, std::array<std::byte, 8>>);

// The constructor behind scan_blocks() is not for users.
static_assert(!std::constructible_from<block_scan, std::span<const vmio::memory_block>, std::size_t,
                                       vmio::detail::block_reader, std::uint64_t>);

// All of source_options is in region_options: a member that is added to one only does not compile in from().
static_assert(sizeof(vmio::source_options) <= sizeof(vmio::region_options));

constexpr vmio::address base = 0x7000'0000'0000;

std::vector<std::byte> counting(std::size_t size) {
    std::vector<std::byte> bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i);
    return bytes;
}

}  // namespace

BOOST_AUTO_TEST_CASE(chunks_and_words_are_random_access_ranges) {
    const auto bytes = counting(40);
    const memory_view view(base, bytes);
    const auto chunks = view.chunks(16);
    BOOST_TEST(chunks.size() == 3U);
    BOOST_TEST((chunks.begin() + 2)->size() == 8U);
    BOOST_TEST(chunks[1].start() == base + 16);
    BOOST_TEST((chunks.end() - chunks.begin() == 3));
    BOOST_TEST((chunks.front().size() == 16U && chunks.back().size() == 8U));
    auto last = std::ranges::prev(chunks.end());
    BOOST_TEST(((*last).start() == base + 32 && (*--last).start() == base + 16 && last[-1].start() == base));

    const auto words = view.words();
    const auto third = std::ranges::lower_bound(words, words[2]);  // little or big, the bytes grow
    BOOST_TEST((third - words.begin() == 2));
    BOOST_TEST(std::ranges::is_sorted(words));
    // They refer to the bytes, not to the view that made them.
    const auto of_temporary = memory_view(base, bytes).words<std::uint32_t>();
    BOOST_TEST(std::ranges::equal(of_temporary, view.words<std::uint32_t>()));
    BOOST_TEST((decltype(view.chunks(1))().empty() && decltype(view.words())().empty()));
}

BOOST_AUTO_TEST_CASE(a_moved_from_block_scan_is_empty) {
    test::fake_memory memory(base, 64);
    const std::vector<vmio::memory_block> blocks{{base, 8}, {base + 32, 8}};
    block_scan scan = vmio::scan_blocks(memory, blocks);
    const block_scan copy = scan;
    block_scan moved = std::move(scan);
    BOOST_TEST(
        (scan.empty() && scan.bytes_kept() == 0 && scan.begin() == scan.end()));  // NOLINT(bugprone-use-after-move)
    BOOST_TEST((moved.size() == 2 && moved.bytes_kept() == 16 && copy.size() == 2));
    BOOST_TEST(moved[1].bytes.data() == copy[1].bytes.data());
    scan = std::move(moved);
    BOOST_TEST((moved.empty() && scan.size() == 2));  // NOLINT(bugprone-use-after-move)
    block_scan& same = scan;
    scan = std::move(same);
    BOOST_TEST(scan.size() == 2);
}

BOOST_AUTO_TEST_CASE(region_options_keep_every_source_option) {
    vmio::source_options some;
    some.use_backing_files = some.skip_untouched = some.read_swapped = false;
    some.skip_dontdump = true;
    some.within = {1, 2};
    some.wanted = [](const vmio::mapping&) { return true; };
    const vmio::source_options kept = vmio::region_options::from(some).sources();
    BOOST_TEST((!kept.use_backing_files && !kept.skip_untouched && !kept.read_swapped && kept.skip_dontdump));
    BOOST_TEST((kept.within == some.within && kept.wanted));
    const auto defaults = vmio::region_options().sources();
    const vmio::source_options none;
    BOOST_TEST((defaults.use_backing_files == none.use_backing_files && defaults.read_swapped == none.read_swapped &&
                defaults.skip_untouched == none.skip_untouched && defaults.skip_dontdump == none.skip_dontdump &&
                defaults.within == none.within));
}
