// SPDX-License-Identifier: BSL-1.0
#include <vmio/cached_memory.hpp>

#include <cerrno>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <vmio/memory_stream.hpp>
#include <vmio/process_memory.hpp>

#include "processes/child.hpp"
#include "support/fake_memory.hpp"
#include "support/pages.hpp"

using test::fake_memory;
using vmio::address;
using vmio::cached_memory;

namespace {

const std::size_t page = vmio::page_size();
const address base = 16 * page;

struct fixture {
    explicit fixture(std::size_t pages, std::size_t kept = 64)
        : memory(base, pages * page), cached(memory, kept * page) {
        for (std::size_t i = 0; i < memory->bytes.size(); ++i) memory->bytes[i] = test::pattern(base + i);
    }
    std::size_t calls() { return std::exchange(memory->calls, 0); }
    bool right(address from, std::size_t size) {
        std::vector<std::byte> bytes(size);
        std::error_code ec;
        return cached.read_some(from, bytes, ec) == size && !ec && test::is_pattern(from, bytes);
    }

    fake_memory memory;
    cached_memory<fake_memory> cached;
};

}  // namespace

BOOST_AUTO_TEST_CASE(many_small_reads_on_few_pages_cost_a_call_a_page) {
    fixture f(8);
    for (int round = 0; round < 100; ++round)
        for (std::size_t p = 0; p < 8; ++p)
            for (std::size_t i = 0; i < page; i += 512) BOOST_REQUIRE(f.right(base + p * page + i, 8));
    BOOST_TEST(f.calls() == 8u);
    BOOST_TEST(f.cached.size() == 8 * page);
}

BOOST_AUTO_TEST_CASE(a_value_across_a_page_edge_is_right) {
    fixture f(3);
    BOOST_TEST(f.right(base + page - 3, 8));
    BOOST_TEST(f.right(base, 3 * page));
    BOOST_TEST(f.calls() == 3u);
}

BOOST_AUTO_TEST_CASE(the_least_recently_used_page_goes_first) {
    fixture f(4, 2);
    f.right(base, 1);
    f.right(base + page, 1);
    f.right(base, 1);
    f.right(base + 2 * page, 1);  // page 1 goes
    BOOST_TEST(f.calls() == 3u);
    BOOST_TEST(f.cached.size() == 2 * page);
    f.right(base, 1);
    BOOST_TEST(f.calls() == 0u);
    f.right(base + page, 1);
    BOOST_TEST(f.calls() == 1u);
}

BOOST_AUTO_TEST_CASE(writes_go_through_and_are_seen) {
    fixture f(3);
    f.right(base, 2 * page);
    const std::vector<std::byte> fresh(page, std::byte{0x77});
    std::error_code ec;
    BOOST_TEST(f.cached.write_some(base + page / 2, fresh, ec) == page);
    BOOST_TEST((f.memory->bytes[page] == std::byte{0x77}));
    f.calls();
    std::vector<std::byte> bytes(page);
    BOOST_TEST(f.cached.read_some(base + page / 2, bytes, ec) == page);
    BOOST_TEST((bytes == fresh));
    BOOST_TEST(f.calls() == 0u);
    // What could not be written is not kept as if it had been.
    f.right(base + 2 * page, 1);
    BOOST_TEST(f.cached.write_some(base + 3 * page - 1, fresh, ec) == 1u);
    BOOST_TEST(f.cached.write_some(base + 3 * page, fresh, ec) == 0u);
    BOOST_TEST(ec.value() == EFAULT);
}

BOOST_AUTO_TEST_CASE(changes_are_seen_after_invalidating) {
    fixture f(4);
    f.right(base, 4 * page);
    for (std::size_t p = 0; p < 4; ++p) f.memory->bytes[p * page] = std::byte{0x19};
    auto first = [&](std::size_t p) {
        std::byte b{};
        std::error_code ec;
        f.cached.read_some(base + p * page, {&b, 1}, ec);
        return b;
    };
    BOOST_TEST((first(1) != std::byte{0x19}));
    f.cached.invalidate(vmio::address_range::of_size(base + 2 * page - 1, 2));  // touches pages 1 and 2
    BOOST_TEST((first(0) != std::byte{0x19}));
    BOOST_TEST((first(1) == std::byte{0x19}));
    BOOST_TEST((first(2) == std::byte{0x19}));
    BOOST_TEST((first(3) != std::byte{0x19}));
    f.cached.invalidate();
    BOOST_TEST(f.cached.size() == 0u);
    BOOST_TEST((first(0) == std::byte{0x19}));
}

BOOST_AUTO_TEST_CASE(a_failure_is_not_remembered) {
    test::pages some(3);
    some.make_hole(1);
    const cached_memory cached{vmio::process_memory(vmio::process::self())};
    std::vector<std::byte> bytes(3 * page);
    std::error_code ec;
    BOOST_TEST(cached.read_some(some.start(), bytes, ec) == page);
    BOOST_TEST(!ec);
    BOOST_TEST(cached.read_some(some.page(1), bytes, ec) == 0u);
    BOOST_TEST(ec.value() == EFAULT);
    some.protect(1, PROT_READ);
    BOOST_TEST(cached.read_some(some.page(1), std::span(bytes).first(8), ec) == 8u);
    BOOST_TEST(test::is_pattern(some.page(1), std::span(bytes).first(8)));
}

BOOST_AUTO_TEST_CASE(a_part_of_a_page_is_read_but_not_kept) {
    fake_memory half(base + page / 2, page);  // begins and ends in mid-page
    const cached_memory cached(half);
    std::vector<std::byte> bytes(2 * page);
    std::error_code ec;
    BOOST_TEST(cached.read_some(base + page / 2, bytes, ec) == page);
    BOOST_TEST(cached.read_some(base + page / 2 + 10, std::span(bytes).first(20), ec) == 20u);
    BOOST_TEST(cached.read_some(base, bytes, ec) == 0u);
    BOOST_TEST(ec.value() == EFAULT);
    BOOST_TEST(cached.size() == 0u);
}

BOOST_AUTO_TEST_CASE(large_reads_bypass_the_cache) {
    fixture f(64);
    BOOST_TEST(f.right(base, 64 * page));
    BOOST_TEST(f.cached.size() < 16 * page);
    BOOST_TEST(f.calls() < 20u);
}

BOOST_AUTO_TEST_CASE(a_stream_runs_over_a_cache) {
    fixture f(4);
    vmio::memory_stream<cached_memory<fake_memory>> s(f.cached, base);
    BOOST_TEST((s.read_value<std::byte>() == test::pattern(base)));
    BOOST_TEST(s.gcount() == 1);
    s.seekp(static_cast<std::streamoff>(base));
    s.write_value('x');
    s.flush();
    BOOST_TEST((f.memory->bytes[0] == std::byte{'x'}));
}

BOOST_AUTO_TEST_CASE(an_error_through_a_cache_names_the_memory_behind) {
    test::pages memory(2);
    memory.make_hole(1);
    test::child_process child;
    const vmio::process_memory live{vmio::process(child.id())};
    vmio::memory_device<cached_memory<vmio::process_memory>> device(cached_memory(live, 4 * page), memory.page(1));
    const auto is_about = [&](const char* operation) {
        return [&, operation](const vmio::memory_error& e) {
            return e.process_id() == child.id() && e.where() == memory.page(1) &&
                   e.operation() == std::string(operation);
        };
    };
    char byte = 0;
    BOOST_CHECK_EXCEPTION(device.read(&byte, 1), vmio::memory_error, is_about(live.read_operation()));
    BOOST_CHECK_EXCEPTION(device.write(&byte, 1), vmio::memory_error, is_about(live.write_operation()));
}

BOOST_AUTO_TEST_CASE(copies_share_and_threads_may_use_them) {
    const test::pages some(32);
    test::child_process child;
    const cached_memory cached{vmio::process_memory(vmio::process(child.id())), 8 * page};
    auto work = [&some, copy = cached](unsigned step) mutable {
        std::vector<std::byte> bytes(64);
        std::error_code ec;
        for (std::size_t i = 0; i < 20000; ++i) {
            const address at = some.start() + i * step % (32 * page - 64);
            test::must(copy.read_some(at, bytes, ec) == 64 && test::is_pattern(at, bytes), "wrong bytes");
            if (i % 1000 == 0) copy.invalidate();
        }
    };
    std::thread a(work, 641u);
    std::thread b(work, 4099u);
    a.join();
    b.join();
    BOOST_TEST(cached.size() <= 8 * page);
}
