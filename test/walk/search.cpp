// SPDX-License-Identifier: BSL-1.0
#include <vmio/search.hpp>

#include <algorithm>
#include <cstring>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>

#include <sys/mman.h>

#include <boost/test/unit_test.hpp>

#include "processes/child.hpp"
#include "support/kernel_features.hpp"
#include "support/mapped.hpp"
#include "support/pages.hpp"

using test::child_process;
using test::mapped;
using test::must;
using vmio::address;
using vmio::byte_pattern;
using vmio::process;
using vmio::process_memory;
using vmio::search;
using vmio::search_options;

namespace {

const std::size_t page = vmio::page_size();
constexpr std::size_t mebibyte = std::size_t{1} << 20;

/// What no program has in its memory but where a test puts it; put together here, so that it is not found twice.
std::string needle() {
    std::string text = "elEdn a";
    text += " niht ylbaborpmi";
    std::reverse(text.begin(), text.end());
    return text;
}

search_options in(vmio::address_range range, std::size_t chunk_size = 0) {
    search_options options;
    options.regions.within = range;
    options.chunk_size = chunk_size;
    return options;
}

void put(const mapped& memory, std::size_t offset, const std::string& text) {
    std::memcpy(memory.data() + offset, text.data(), text.size());
}

}  // namespace

BOOST_AUTO_TEST_CASE(all_matches_are_found_and_nothing_else) {
    const mapped memory(64);
    const std::string text = needle();
    std::vector<address> expected;
    const std::size_t n = text.size();
    // At the start, over each kind of seam, between pages that were never touched, and at the end.
    for (const std::size_t offset :
         {std::size_t{0}, 4 * page - 1, 8 * page - n + 1, 20 * page, 33 * page - n / 2, 64 * page - n}) {
        put(memory, offset, text);
        expected.push_back(memory.start() + offset);
    }
    const child_process child;
    const process_memory target{process(child.id())};
    for (const std::size_t chunk : {std::size_t{1}, page, 4 * page, 64 * page, std::size_t{0}})
        for (const unsigned threads : {1U, 2U, 5U}) {
            auto options = in(memory.range(), chunk);
            options.threads = threads;
            BOOST_TEST((search(target, byte_pattern::text(text), options) == expected));
        }
    // In all of the process: nothing else holds it but what the search itself was called with.
    const auto everywhere = search(target, byte_pattern::text(text));
    BOOST_TEST(std::includes(everywhere.begin(), everywhere.end(), expected.begin(), expected.end()));
}

BOOST_AUTO_TEST_CASE(a_match_may_lie_in_two_neighbouring_mappings) {
    const mapped memory(8);
    put(memory, 4 * page - 3, needle());
    BOOST_REQUIRE(::mprotect(memory.data(4), page, PROT_READ) == 0);
    const child_process child;
    const process_memory target{process(child.id())};
    BOOST_TEST(
        (search(target, byte_pattern::text(needle()), in(memory.range())) == std::vector<address>{memory.page(4) - 3}));
    auto options = in(memory.range());
    options.threads = 3;
    BOOST_TEST(search(target, byte_pattern::text(needle()), options).size() == 1U);
}

BOOST_AUTO_TEST_CASE(no_match_spans_a_gap_or_lies_in_one, *boost::unit_test::precondition(test::has_guard_pages)) {
    const mapped memory(6);
    const std::string text = needle();
    put(memory, 2 * page - 4, text.substr(0, 4));
    put(memory, 3 * page, text.substr(4));
    memory.write(5, 'x');
    BOOST_REQUIRE(test::install_guards(memory.data(2), page));
    const child_process child;
    const process_memory target{process(child.id())};
    BOOST_TEST(search(target, byte_pattern::text(text), in(memory.range())).empty());
    // Zeros, but not those that stand for what cannot be read.
    const std::vector<std::byte> zeros(page, std::byte(0));
    std::vector<address> found;
    const auto summary = search(
        target, byte_pattern(zeros), [&](address at) { return found.push_back(at), true; }, in(memory.range(), page));
    BOOST_TEST(summary.unreadable == page);
    BOOST_TEST(summary.searched == memory.size());
    BOOST_REQUIRE(!found.empty());
    for (const address at : found) BOOST_TEST((at + page <= memory.page(2) || at >= memory.page(3)));
    BOOST_TEST(found.front() == memory.start());
}

BOOST_AUTO_TEST_CASE(threads_share_many_mappings_and_few_large_ones) {
    // Small ones with holes between, then one that is more than a thread takes at once.
    const mapped memory(140 * mebibyte / page);
    std::vector<address> expected;
    for (std::size_t i = 0; i < 200; i += 2) {
        put(memory, i * page + 10, needle());
        expected.push_back(memory.page(i) + 10);
        BOOST_REQUIRE(::mprotect(memory.data(i + 1), page, PROT_NONE) == 0);
    }
    for (std::size_t mib = 60; mib < 70; ++mib)
        for (const std::size_t before : {std::size_t{5}, page + 100 * page + 5, 100 * page - 2}) {
            const std::size_t offset = mib * mebibyte + 200 * page - before;
            put(memory, offset, needle());
            expected.push_back(memory.start() + offset);
        }
    std::sort(expected.begin(), expected.end());
    const child_process child;
    const process_memory target{process(child.id())};
    for (const unsigned threads : {1U, 4U}) {
        auto options = in(memory.range());
        options.threads = threads;
        BOOST_TEST((search(target, byte_pattern::text(needle()), options) == expected));
        std::uint64_t total = 0;
        options.progress = [&](const vmio::search_progress& p) { return total = p.total, true; };
        const auto summary = search(
            target, byte_pattern::text(needle()), [](address) { return true; }, options);
        BOOST_TEST((summary.searched == total && total == memory.size() - 100 * page));
    }
}

BOOST_AUTO_TEST_CASE(untouched_zeros_match_where_a_pattern_has_zeros) {
    const mapped memory(100);
    memory.data(50)[page - 1] = 'x';
    const child_process child;
    const process_memory target{process(child.id())};
    const auto pattern = byte_pattern::hex("78 00 00 00 00");
    for (const std::size_t chunk : {page, 17 * page, mebibyte})
        BOOST_TEST((search(target, pattern, in(memory.range(), chunk)) == std::vector<address>{memory.page(51) - 1}));
    memory.data(70)[0] = 'y';
    const child_process other;
    BOOST_TEST((search(process_memory{process(other.id())}, byte_pattern::hex("00 00 79"), in(memory.range(), page)) ==
                std::vector<address>{memory.page(70) - 2}));
}

BOOST_AUTO_TEST_CASE(a_value_is_found_where_it_is_aligned) {
    const mapped memory(2);
    const std::uint32_t value = 0xdeadbeef;
    for (const std::size_t offset : {8U, 13U, 100U, 1002U}) std::memcpy(memory.data() + offset, &value, sizeof value);
    auto options = in(memory.range());
    options.alignment = alignof(std::uint32_t);
    const process_memory target{process::self()};
    BOOST_TEST((search(target, byte_pattern::value(value), options) ==
                std::vector<address>{memory.start() + 8, memory.start() + 100}));
    options.alignment = 0;
    BOOST_CHECK_THROW(search(target, byte_pattern::value(value), options), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(a_search_can_be_ended_by_each_callback) {
    const mapped memory(64);
    for (std::size_t i = 0; i < 64; ++i) put(memory, i * page, needle());
    const process_memory target{process::self()};
    for (const unsigned threads : {1U, 3U}) {
        auto options = in(memory.range(), page);
        options.threads = threads;
        int seen = 0;
        const auto ended = search(
            target, byte_pattern::text(needle()), [&](address) { return ++seen < 3; }, options);
        BOOST_TEST((seen == 3 && ended.stopped && ended.matches == 3U));

        std::uint64_t last = 0;
        options.progress = [&](const vmio::search_progress& p) {
            BOOST_TEST((p.searched > last && p.total == memory.size()));
            last = p.searched;
            return p.searched < 10 * page;
        };
        const auto some = search(
            target, byte_pattern::text(needle()), [](address) { return true; }, options);
        BOOST_TEST(some.stopped);
        BOOST_TEST(last >= 10 * page);
        options.progress = {};
        bool stop = false;
        options.stop = [&] { return std::exchange(stop, true); };
        BOOST_TEST(search(
                       target, byte_pattern::text(needle()), [](address) { return true; }, options)
                       .stopped);
        // An exception of ours ends it too, and arrives.
        options.stop = {};
        BOOST_CHECK_THROW(
            search(
                target, byte_pattern::text(needle()), [](address) -> bool { throw std::logic_error("ours"); }, options),
            std::logic_error);
    }
}

BOOST_AUTO_TEST_CASE(every_set_of_options_finds_what_comparing_all_finds) {
    // Two letters here and there, between untouched pages, holes, a guard page and seams.
    constexpr std::size_t count = 20;
    std::mt19937 random(1);
    const mapped memory(count);
    for (std::size_t i = 0; i < count; i += 1 + random() % 3)
        for (std::size_t at = 0; at < page; at += 1 + random() % 9) memory.data(i)[at] = "ab"[random() % 2];
    const std::vector<char> content(memory.data(), memory.data() + memory.size());
    std::vector<bool> readable(count, true);
    must(::munmap(memory.data(3), page) == 0, "munmap");
    must(::mprotect(memory.data(7), page, PROT_NONE) == 0, "mprotect");
    must(::mprotect(memory.data(15), 2 * page, PROT_READ) == 0, "mprotect");
    readable[11] = !test::install_guards(memory.data(11), page);
    readable[3] = readable[7] = false;
    const child_process child;
    const process_memory target{process(child.id())};

    for (int round = 0; round < 100; ++round) {
        const std::size_t size = round % 20 == 0 ? page + random() % page : 1 + random() % 12;
        std::vector<char> bytes(size), mask(size, '\xff');
        std::memcpy(bytes.data(), content.data() + random() % (memory.size() - size), size);
        for (char& m : mask)
            if (random() % 4 == 0) m = static_cast<char>(round % 3 == 0 ? 0 : random());
        const byte_pattern pattern(std::as_bytes(std::span(bytes)), std::as_bytes(std::span(mask)));
        auto options = in({memory.start() + random() % (2 * page), memory.page(count) - random() % (2 * page)},
                          random() % 3 == 0 ? 0 : random() % (9 * page));
        options.alignment = 1 + random() % 8;
        options.threads = random() % 5;
        const auto matches = [&](std::size_t offset) {
            for (std::size_t i = offset / page; i <= (offset + size - 1) / page; ++i)
                if (!readable[i]) return false;
            const char* const here = content.data() + offset;
            for (std::size_t i = 0; i < size; ++i)
                if (((here[i] ^ bytes[i]) & mask[i]) != 0) return false;
            return true;
        };
        std::vector<address> expected;
        for (address at = options.regions.within.start(); at + size <= options.regions.within.end(); ++at)
            if (at % options.alignment == 0 && matches(at - memory.start())) expected.push_back(at);
        BOOST_REQUIRE((search(target, pattern, options) == expected));
    }
}

BOOST_AUTO_TEST_CASE(many_threads_share_a_small_search) {
    // More than one slice, of many small ranges; the matches lie on the seams of the slices too.
    const mapped memory(6000);
    std::vector<address> expected;
    for (std::size_t i = 0; i < 6000; i += 2) {
        if (i % 50 == 0 && i > 0) {  // at an end, a thread's stack would come to lie there
            must(::munmap(memory.data(i), page) == 0, "munmap");
            continue;
        }
        const std::size_t last = i % 50 == 48 ? needle().size() : 3;
        put(memory, (i + 2) * page - last, needle());
        expected.push_back(memory.page(i + 2) - last);
    }
    const child_process child;
    const process_memory target{process(child.id())};
    for (const unsigned threads : {2U, 3U, 1000U}) {
        auto options = in(memory.range());
        options.threads = threads;
        std::uint64_t total = 0;
        options.progress = [&](const vmio::search_progress& p) { return total = p.total, p.searched <= p.total; };
        std::vector<address> found;
        const auto summary = search(
            target, byte_pattern::text(needle()), [&](address at) { return found.push_back(at), true; }, options);
        std::sort(found.begin(), found.end());
        BOOST_TEST((found == expected));
        BOOST_TEST((summary == vmio::search_summary{total, 0, expected.size(), false}));
        BOOST_TEST(total == memory.size() - 119 * page);
    }
}

BOOST_AUTO_TEST_CASE(no_match_is_lost_or_doubled_where_the_other_threads_begin) {
    const mapped memory(40 * mebibyte / page);
    std::memset(memory.data(), '.', memory.size());
    std::vector<address> expected;
    const std::size_t n = needle().size();
    for (std::size_t mib = 1; mib < 40; ++mib)
        for (const std::size_t offset : {mib * mebibyte - 2 * n, mib * mebibyte - n + mib % n, mib * mebibyte + n}) {
            put(memory, offset, needle());
            expected.push_back(memory.start() + offset);
        }
    const child_process child;
    const process_memory target{process(child.id())};
    for (const std::size_t chunk : {std::size_t{0}, mebibyte / 2, 4 * mebibyte}) {
        auto options = in(memory.range(), chunk);
        options.threads = 4;
        std::vector<address> found;
        const auto summary = search(
            target, byte_pattern::text(needle()), [&](address at) { return found.push_back(at), true; }, options);
        std::sort(found.begin(), found.end());
        BOOST_TEST(found == expected, boost::test_tools::per_element());
        BOOST_TEST((summary == vmio::search_summary{memory.size(), 0, expected.size(), false}));
    }
}

BOOST_AUTO_TEST_CASE(matches_far_apart_in_untouched_memory_are_found) {
    constexpr std::size_t gibibyte = std::size_t{1} << 30;
    const mapped memory(3 * gibibyte / page);
    std::vector<address> expected;
    for (const std::size_t offset : {std::size_t{0}, 5 * mebibyte - 4, gibibyte + mebibyte / 2, 3 * gibibyte - 40}) {
        memory.data()[offset] = 'x';
        expected.push_back(memory.start() + offset);
    }
    const child_process child;
    const process_memory target{process(child.id())};
    std::vector<std::byte> pattern(30);
    pattern.front() = std::byte('x');
    for (const unsigned threads : {1U, 2U}) {
        auto options = in(memory.range());
        options.threads = threads;
        BOOST_TEST((search(target, byte_pattern(pattern), options) == expected));
        std::reverse(pattern.begin(), pattern.end());
        auto before = search(target, byte_pattern(pattern), options);
        for (address& at : before) at += pattern.size() - 1;
        BOOST_TEST((before == std::vector<address>(expected.begin() + 1, expected.end())));
        std::reverse(pattern.begin(), pattern.end());
    }
}

BOOST_AUTO_TEST_CASE(memory_unmapped_during_the_search_is_skipped) {
    const std::string text = needle();
    for (const unsigned threads : {1U, 2U}) {
        const mapped memory(64);
        for (std::size_t i = 0; i < 64; ++i) put(memory, (i + 1) * page - text.size(), text);
        auto options = in(memory.range(), 4 * page);
        options.threads = threads;
        options.progress = [&](const vmio::search_progress& p) {
            if (p.searched == 8 * page) must(::munmap(memory.data(10), 20 * page) == 0, "munmap");
            return true;
        };
        const auto found = search(process_memory{process::self()}, byte_pattern::text(text), options);
        BOOST_TEST(found.size() == 44U);
        for (const address at : found) BOOST_TEST((at < memory.page(10) || at >= memory.page(30)));
    }
}

BOOST_AUTO_TEST_CASE(a_process_that_has_ended_is_an_error) {
    child_process child;
    const process_memory target{process(child.id())};
    child.end();
    BOOST_CHECK_EXCEPTION(search(target, byte_pattern::text("x")), vmio::memory_error,
                          [](const vmio::memory_error& e) { return e.code() == vmio::errc::no_such_process; });
    search_options options;
    options.threads = 2;
    BOOST_CHECK_THROW(search(target, byte_pattern::text("x"), options), vmio::memory_error);
}
