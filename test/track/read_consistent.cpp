// SPDX-License-Identifier: BSL-1.0
#include <vmio/read_consistent.hpp>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <thread>
#include <vector>

#include <sys/mman.h>

#include <boost/test/unit_test.hpp>

#include <vmio/error.hpp>

#include "processes/child.hpp"
#include "processes/numbering_process.hpp"
#include "processes/stepped_process.hpp"
#include "support/error_of.hpp"
#include "support/kernel_features.hpp"
#include "support/mapped.hpp"
#include "support/sanitized.hpp"

using test::mapped;
using test::numbering_process;
using test::stepped_process;
using vmio::address_range;
using vmio::consistent_result;
using vmio::process;
using vmio::read_consistent;
using vmio::remote_block;
using vmio::write_tracker;

namespace {

#ifdef VMIO_TEST_SANITIZED
constexpr int rounds_of_two = 1000;
constexpr int rounds_of_many = 100;
#else
constexpr int rounds_of_two = 20000;
constexpr int rounds_of_many = 2000;
#endif

}  // namespace

BOOST_AUTO_TEST_SUITE(read_consistent_, *boost::unit_test::precondition(test::can_write_protect))

BOOST_AUTO_TEST_CASE(two_blocks_are_never_torn) {
    const numbering_process target(8, 2);
    std::vector<unsigned long> words;
    const std::vector<remote_block> blocks = target.blocks(words, 1);
    write_tracker tracker(process(target.id()), {.ranges = {target.area().range()}, .pause_limits = test::no_limits});
    unsigned long tries = 0, paused = 0, torn = 0, distinct = 0, last = 0;
    for (int i = 0; i < rounds_of_two; ++i) {
        const consistent_result result = read_consistent(tracker, blocks, {.pause_limits = test::no_limits});
        BOOST_TEST_REQUIRE(result.consistent);
        torn += target.is_one_moment(words) ? 0 : 1;
        tries += result.tries;
        paused += result.paused ? 1 : 0;
        distinct += words.front() != last ? 1 : 0;
        last = words.front();
    }
    BOOST_TEST_MESSAGE(tries << " tries, " << paused << " pauses, " << distinct << " numbers seen");
    BOOST_TEST(torn == 0ul);
    BOOST_TEST(distinct > 1ul);
}

BOOST_AUTO_TEST_CASE(two_hundred_blocks_are_never_torn) {
    const numbering_process target(8, 25);
    std::vector<unsigned long> words;
    const std::vector<remote_block> blocks = target.blocks(words, 8);
    write_tracker tracker(process(target.id()), {.ranges = {target.area().range()}, .pause_limits = test::no_limits});
    unsigned long tries = 0, paused = 0, torn = 0;
    for (int i = 0; i < rounds_of_many; ++i) {
        const consistent_result result =
            read_consistent(tracker, blocks, {.tries = 4, .pause_limits = test::no_limits});
        BOOST_TEST_REQUIRE(result.consistent);
        torn += target.is_one_moment(words) ? 0 : 1;
        tries += result.tries;
        paused += result.paused ? 1 : 0;
    }
    BOOST_TEST_MESSAGE(tries << " tries, " << paused << " pauses");
    BOOST_TEST(torn == 0ul);
}

BOOST_AUTO_TEST_CASE(blocks_that_do_not_stand_still_are_named_or_read_in_a_pause) {
    // Both are written all the time but for the first page, so no attempt succeeds.
    const mapped area(4);
    test::child_process target([&] {
        for (const std::size_t page : {1u, 3u})
            std::thread([&area, page] {
                for (;;) ++*reinterpret_cast<std::atomic<unsigned long>*>(area.data(page));
            }).detach();
    });
    const auto word_at = [&](std::size_t page) {
        return vmio::process_memory(process(target.id())).read_value<unsigned long>(area.page(page));
    };
    while (word_at(1) == 0 || word_at(3) == 0) ::sched_yield();
    std::vector<unsigned long> words(3);
    const auto bytes_of = [&](std::size_t i) { return std::as_writable_bytes(std::span(&words[i], 1)); };
    const remote_block blocks[]{{area.page(0), bytes_of(0)}, {area.page(1), bytes_of(1)}, {area.page(3), bytes_of(2)}};
    write_tracker tracker(process(target.id()), {.ranges = {area.range()}, .pause_limits = test::no_limits});
    consistent_result result;
    do {
        result = read_consistent(tracker, blocks, {.tries = 3, .pause_at_last = false});
    } while (result.consistent);  // both threads may have been without a processor
    BOOST_TEST(result.tries == 3u);
    BOOST_TEST(!result.paused);
    BOOST_TEST_REQUIRE(!result.changing.empty());
    for (const std::size_t i : result.changing) BOOST_TEST((i == 1 || i == 2));
    result = read_consistent(tracker, blocks, {.tries = 0, .pause_limits = test::no_limits});
    BOOST_TEST(result.consistent);
    BOOST_TEST(result.paused);
    BOOST_TEST(result.tries == 1u);
    BOOST_TEST(result.changing.empty());
}

BOOST_AUTO_TEST_CASE(what_the_tracker_reports_is_not_lost) {
    const mapped area(64);
    for (std::size_t i = 0; i < 64; ++i) area.write(i);
    stepped_process target([&](int page) { area.write(static_cast<std::size_t>(page), 'z'); });
    write_tracker tracker(process(target.id()), {.ranges = {area.range()}, .pause_limits = test::no_limits});
    target.step(5);
    target.step(9);
    char byte = 0;
    const remote_block block{area.page(5), std::as_writable_bytes(std::span(&byte, 1))};
    BOOST_TEST(read_consistent(tracker, {&block, 1}).tries == 1u);
    BOOST_TEST(byte == 'z');
    target.step(11);
    const std::vector<address_range> expected{
        {area.page(5), area.page(6)}, {area.page(9), area.page(10)}, {area.page(11), area.page(12)}};
    BOOST_TEST((tracker.written() == expected));
    BOOST_TEST((tracker.written_then_restart() == expected));
    BOOST_TEST(tracker.written().empty());
    read_consistent(tracker, {&block, 1});
    BOOST_TEST(tracker.written().empty());
}

BOOST_AUTO_TEST_CASE(blocks_outside_of_what_is_tracked_are_read_and_not_reported) {
    const mapped area(4);
    const mapped other(4);
    const mapped constant(4);
    for (const mapped* m : {&area, &other, &constant})
        for (std::size_t i = 0; i < 4; ++i) m->write(i, 'a');
    test::must(::mprotect(constant.data(), constant.size(), PROT_READ) == 0, "mprotect");
    stepped_process target([&](int) { other.write(2); });
    char bytes[3]{};
    const auto bytes_of = [&](std::size_t i) { return std::as_writable_bytes(std::span(&bytes[i], 1)); };
    const remote_block blocks[]{
        {other.page(1), bytes_of(0)}, {constant.page(1), bytes_of(1)}, {area.page(1), bytes_of(2)}};
    write_tracker tracker(process(target.id()), {.ranges = {area.range()}, .pause_limits = test::no_limits});
    for (int i = 0; i < 2; ++i) {
        const consistent_result result = read_consistent(tracker, blocks, {.pause_at_last = false});
        BOOST_TEST(result.consistent);
        BOOST_TEST(std::string(bytes, 3) == "aaa");
        target.step();
        BOOST_TEST(tracker.written().empty());
    }
}

BOOST_AUTO_TEST_CASE(memory_that_is_replaced_between_two_reads_is_followed) {
    const mapped area(4);
    area.write(1, 'a');
    stepped_process target([&](int) {
        ::mmap(area.data(), area.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        area.write(1, 'b');
    });
    write_tracker tracker(process(target.id()), {.ranges = {area.range()}, .pause_limits = test::no_limits});
    char byte = 0;
    const remote_block block{area.page(1), std::as_writable_bytes(std::span(&byte, 1))};
    BOOST_TEST(read_consistent(tracker, {&block, 1}, {.pause_at_last = false}).consistent);
    BOOST_TEST(byte == 'a');
    target.step();
    BOOST_TEST(read_consistent(tracker, {&block, 1}, {.pause_at_last = false}).consistent);
    BOOST_TEST(byte == 'b');
    BOOST_TEST((tracker.written() == std::vector{area.range()}));
}

BOOST_AUTO_TEST_CASE(a_block_that_cannot_be_read_is_an_error_at_its_first_byte) {
    const mapped area(4);
    test::child_process target([&] { ::munmap(area.data(2), 2 * vmio::page_size()); });
    std::vector<std::byte> bytes(2 * vmio::page_size());
    const remote_block block{area.page(1), bytes};
    try {
        read_consistent(process(target.id()), {&block, 1});
        BOOST_TEST(false);
    } catch (const vmio::memory_error& e) {
        BOOST_TEST(e.code().value() == EFAULT);
        BOOST_TEST(e.where() == area.page(2));
    }
    const remote_block empty{area.page(2), {}};
    BOOST_TEST(read_consistent(process(target.id()), {&empty, 1}).consistent);
    BOOST_TEST(read_consistent(process(target.id()), {}).consistent);
}

BOOST_AUTO_TEST_SUITE_END()
