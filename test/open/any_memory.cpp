// SPDX-License-Identifier: BSL-1.0
#include <vmio/any_memory.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <sstream>
#include <string>

#include <sys/mman.h>

#include <boost/test/unit_test.hpp>

#include <vmio/block_scanner.hpp>
#include <vmio/cached_memory.hpp>
#include <vmio/core_memory.hpp>
#include <vmio/memory_device.hpp>
#include <vmio/memory_search.hpp>
#include <vmio/memory_stream.hpp>
#include <vmio/page_map.hpp>
#include <vmio/process_memory.hpp>
#include <vmio/process_snapshot.hpp>
#include <vmio/write_core.hpp>

#include "processes/child.hpp"
#include "support/error_of.hpp"
#include "support/files.hpp"
#include "support/mapped.hpp"
#include "support/pages.hpp"
#include "support/scratch.hpp"

using test::on_self_and_child;
using test::pages;
using vmio::address;
using vmio::address_range;
using vmio::any_memory;
using vmio::process;
using vmio::process_memory;

namespace {

const std::size_t page = vmio::page_size();

/// A memory of the program's own, which can only be read and says nothing else of itself. It counts its calls.
struct letters {
    std::size_t read_some(address where, std::span<std::byte> to, std::error_code& ec) noexcept {
        ++*calls;
        ec.clear();
        for (std::size_t i = 0; i < to.size(); ++i) to[i] = std::byte('a' + (where + i) % 26);
        return to.size();
    }
    std::shared_ptr<int> calls = std::make_shared<int>(0);
};

bool has_pattern(const any_memory& memory, const address_range& range) {
    std::vector<std::byte> bytes(range.size());
    memory.read(range.start(), bytes);
    return test::is_pattern(range.start(), bytes);
}

bool covers(const std::vector<address_range>& ranges, const address_range& part) {
    return std::any_of(ranges.begin(), ranges.end(),
                       [&](const address_range& r) { return r.start() <= part.start() && part.end() <= r.end(); });
}

int error_of_reading(const any_memory& memory, address where) {
    std::byte byte;
    std::error_code ec;
    const std::size_t got = memory.read_some(where, std::span(&byte, 1), ec);
    return got == 1 ? 0 : ec.value();
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_process_its_capture_and_its_core_are_read_alike) {
    const pages some(5);
    on_self_and_child([&](pid_t id) {
        const test::scratch_directory directory;
        vmio::core_options options;
        options.pause = id != ::getpid();
        vmio::write_core(process(id), directory / "core", options);
        const std::vector<any_memory> memories{
            process_memory(process(id)), vmio::process_snapshot::capture(process(id)),
            vmio::core_memory::open(directory / "core"), vmio::cached_memory(process_memory(process(id)))};
        for (const any_memory& memory : memories) {
            BOOST_TEST_CONTEXT(memory.name()) {
                BOOST_TEST(has_pattern(memory, some.range()));
                BOOST_TEST(covers(memory.ranges(), some.range()));
                BOOST_TEST(memory.word_size() == sizeof(void*));
                BOOST_TEST((memory.byte_order() == std::endian::native));
                BOOST_TEST(memory.process_id() == id);
                BOOST_TEST(error_of_reading(memory, 0) == EFAULT);
            }
        }
    });
}

BOOST_AUTO_TEST_CASE(a_memory_is_written_if_it_can_be) {
    pages some(1);
    const any_memory live = process_memory(process::self());
    BOOST_TEST(live.writable());
    const int value = 42;
    live.write(some.start(), std::as_bytes(std::span(&value, 1)));
    BOOST_TEST(live.read_value<int>(some.start()) == 42);

    const any_memory frozen = vmio::process_snapshot::capture(process::self());
    BOOST_TEST(!frozen.writable());
    std::error_code ec;
    BOOST_TEST(frozen.write_some(some.start(), std::as_bytes(std::span(&value, 1)), ec) == 0u);
    BOOST_TEST(ec.value() == EROFS);
    BOOST_TEST(frozen.write_some(some.start(), {}, ec) == 0u);
    BOOST_TEST(!ec);
    BOOST_TEST(test::error_of([&] { frozen.write(some.start(), std::as_bytes(std::span(&value, 1))); }) == EROFS);
}

BOOST_AUTO_TEST_CASE(copies_share_the_memory_and_a_call_is_one_call) {
    const letters alphabet;
    const any_memory memory(alphabet, "the alphabet");
    const any_memory copy = memory;
    std::string text(26, ' ');
    copy.read(0, std::as_writable_bytes(std::span(text)));
    BOOST_TEST(text == "abcdefghijklmnopqrstuvwxyz");
    BOOST_TEST(*alphabet.calls == 1);
    BOOST_TEST(memory.name() == "the alphabet");
    BOOST_TEST(memory.ranges().empty());
    BOOST_TEST(memory.gaps().empty());
    BOOST_TEST(!memory.writable());
}

BOOST_AUTO_TEST_CASE(streams_devices_caches_searches_and_scans_accept_it) {
    const pages some(4);
    const test::child_process child;
    const any_memory memory = process_memory(process(child.id()));
    vmio::memory_stream<any_memory> stream(memory, some.start());
    BOOST_TEST((stream.read_value<std::byte>() == test::pattern(some.start())));
    vmio::memory_device<any_memory> device(memory, some.range());
    char first = 0;
    BOOST_TEST(device.read(&first, 1) == 1);
    BOOST_TEST((std::byte(first) == test::pattern(some.start())));
    const any_memory cached = vmio::cached_memory(memory);
    BOOST_TEST(has_pattern(cached, some.range()));
    BOOST_TEST(covers(cached.ranges(), some.range()));
    const vmio::memory_block block{some.start(), 16};
    const auto scan = vmio::scan_blocks(memory, std::span(&block, 1));
    BOOST_TEST(scan[0].bytes.size() == 16u);

    std::vector<std::byte> wanted(24);
    memory.read(some.start() + 100, wanted);
    const auto found = vmio::search(memory.within(some.range()), vmio::byte_pattern(wanted));
    BOOST_TEST(found.size() == 1u);
    BOOST_TEST(found.front() == some.start() + 100);
}

BOOST_AUTO_TEST_CASE(a_window_ends_what_can_be_read_and_written) {
    pages some(4);
    const any_memory all = process_memory(process::self());
    const address_range middle(some.start() + page, some.start() + 2 * page);
    const any_memory part = all.within(middle);
    BOOST_TEST((part.window() == middle));
    BOOST_TEST(has_pattern(part, middle));
    BOOST_TEST(error_of_reading(part, middle.start() - 1) == EFAULT);
    BOOST_TEST(error_of_reading(part, middle.end()) == EFAULT);
    std::vector<std::byte> bytes(2 * page);
    std::error_code ec;
    BOOST_TEST(part.read_some(middle.start() + 1, bytes, ec) == page - 1);
    BOOST_TEST(!ec);
    BOOST_TEST((part.ranges() == std::vector{middle}));
    BOOST_TEST(part.write_some(middle.end(), std::as_bytes(std::span("x")), ec) == 0u);
    BOOST_TEST(ec.value() == EFAULT);
    BOOST_TEST(part.writable());
    BOOST_TEST((part.within({some.start(), some.start() + page}).window().empty()));
    BOOST_TEST(part.as<process_memory>() != nullptr);
}

BOOST_AUTO_TEST_CASE(gaps_of_a_process_are_its_mappings_that_cannot_be_read) {
    const pages some(3);
    ::mprotect(some.data() + page, page, PROT_NONE);
    const test::child_process child;
    const any_memory memory = process_memory(process(child.id()));
    const address_range hidden(some.start() + page, some.start() + 2 * page);
    bool found = false;
    for (const vmio::memory_gap& gap : memory.gaps())
        found = found || (gap.range.start() <= hidden.start() && hidden.end() <= gap.range.end() &&
                          gap.reason == vmio::gap_reason::no_permission);
    BOOST_TEST(found);
    BOOST_TEST(!covers(memory.ranges(), hidden));
    ::mprotect(some.data() + page, page, PROT_READ | PROT_WRITE);
}

BOOST_AUTO_TEST_CASE(a_window_is_all_that_a_memory_is_known_to_have_that_does_not_know) {
    const address_range window(10, 20);
    const any_memory memory = any_memory(letters()).within(window);
    BOOST_TEST((memory.ranges() == std::vector{window}));
    BOOST_TEST(memory.within({20, 30}).ranges().empty());
    BOOST_TEST(vmio::search(memory, vmio::byte_pattern::text("lmn")) == std::vector<address>{11},
               boost::test_tools::per_element());
    const any_memory live = process_memory(process::self());
    BOOST_TEST(live.within({8, 16}).ranges().empty());  // of a process it is known
}

BOOST_AUTO_TEST_CASE(mappings_are_those_of_the_process_and_of_what_was_kept_of_it) {
    const pages some(4);
    const test::child_process child;
    const test::scratch_directory directory;
    const std::string core = (directory / "core");
    vmio::write_core(process(child.id()), core);
    const any_memory memories[]{process_memory(process(child.id())), vmio::core_memory::open(core),
                                vmio::process_snapshot::capture(process(child.id())),
                                vmio::cached_memory(process_memory(process(child.id())))};
    const auto expected = vmio::memory_map::load(process(child.id()));
    for (const any_memory& memory : memories) {
        BOOST_TEST_CONTEXT(memory.name()) {
            const vmio::memory_map map = memory.map();
            const vmio::mapping* const found = map.find(some.page(2));
            BOOST_REQUIRE(found != nullptr);
            BOOST_TEST(found->range.contains(some.range()));
            BOOST_TEST((found->perms == expected.find(some.page(2))->perms));
            BOOST_TEST(expected.find(map.begin()->range.start()) != nullptr);
            const vmio::memory_map part = memory.within({some.page(1), some.page(3)}).map();
            BOOST_REQUIRE(part.size() == 1u);
            BOOST_TEST((part.begin()->range == address_range(some.page(1), some.page(3))));
        }
    }
    BOOST_TEST(any_memory(letters()).map().empty());
    const test::mapped file(3, MAP_PRIVATE, test::unnamed_file(3).get());
    const any_memory self = process_memory(process::self());
    BOOST_TEST(self.within({file.page(1), file.page(2)}).map().begin()->offset == page);
}

BOOST_AUTO_TEST_CASE(a_list_of_a_file_may_be_in_disorder) {
    struct lists_nonsense {
        std::size_t read_some(address, std::span<std::byte>, std::error_code& ec) const noexcept {
            return ec.clear(), 0;
        }
        std::vector<vmio::mapping> mappings() const {
            std::vector<vmio::mapping> all(4);
            all[0].range = {10, 20};
            all[1].range = {15, 25};
            all[2].range = {30, 30};
            all[3].range = {20, 40};
            return all;
        }
    };
    const vmio::memory_map map = any_memory(lists_nonsense()).map();
    BOOST_TEST(map.size() == 2u);
    BOOST_TEST((map.find(25)->range == address_range(20, 40)));
    std::byte byte;
    BOOST_TEST(test::error_of([&] { any_memory(lists_nonsense()).read(5, std::span(&byte, 1)); }) == EFAULT);
}

BOOST_AUTO_TEST_CASE(a_search_makes_no_page_of_a_process_present) {
    const test::mapped reserved(std::size_t{1} << 20);
    std::memcpy(reserved.data(100), "a needle", 8);
    const test::child_process child;
    const any_memory memory = any_memory(process_memory(process(child.id()))).within(reserved.range());
    const auto found = vmio::search(memory, vmio::byte_pattern::text("needle"));
    BOOST_TEST(found == std::vector<address>{reserved.page(100) + 2}, boost::test_tools::per_element());
    BOOST_TEST(vmio::search(memory, vmio::byte_pattern::text("needle"), 4).empty());
    const auto present = vmio::scan_pages(process(child.id()), reserved.range(), vmio::page_state::present);
    BOOST_TEST(present.size() == 1u);
}

BOOST_AUTO_TEST_CASE(the_memory_below_is_had_by_its_type) {
    const any_memory memory = process_memory(process::self());
    BOOST_TEST(memory.as<process_memory>()->target().id() == ::getpid());
    BOOST_TEST(memory.as<vmio::core_memory>() == nullptr);
    BOOST_TEST(any_memory(letters()).as<letters>() != nullptr);
}
