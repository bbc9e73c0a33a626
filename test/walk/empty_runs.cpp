// SPDX-License-Identifier: BSL-1.0
// What a process has reserved and never touched costs a walk next to nothing.
#include <vmio/region_reader.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <vmio/search.hpp>

#include "processes/child.hpp"
#include "support/mapped.hpp"
#include "support/pages.hpp"
#include "support/regions.hpp"

using test::child_process;
using test::mapped;
using test::must;
using vmio::address;
using vmio::address_range;
using vmio::process;
using vmio::process_memory;
using vmio::region_reader;

namespace {

const std::size_t page = vmio::page_size();
constexpr std::size_t mebibyte = std::size_t{1} << 20;
constexpr std::size_t gibibyte = std::size_t{1} << 30;
constexpr std::size_t size = 512 * gibibyte;

enum class kind { anonymous, memory_file, file };

/// So much of a kind of memory that it must not be gone through.
class reserved {
public:
    explicit reserved(kind k) : file_(k), memory_(size / page, flags_of(k), file_.descriptor) {}

    const mapped* operator->() const { return &memory_; }

    /// In one place, and here and there: each page has a letter of its own, the rest is zero.
    std::vector<address> write_some() const {
        std::vector<address> written;
        for (const std::size_t offset :
             {std::size_t{0}, 16 * mebibyte, 16 * mebibyte + page, 17 * mebibyte, 60 * mebibyte, 3 * gibibyte,
              100 * gibibyte + 5 * page, 300 * gibibyte - page, 300 * gibibyte, size - page})
            written.push_back(memory_.start() + offset);
        for (std::size_t i = 0; i < written.size(); ++i)
            memory_.write((written[i] - memory_.start()) / page, static_cast<char>('a' + i));
        return written;
    }

private:
    struct sparse_file {
        explicit sparse_file(kind k) {
            if (k == kind::anonymous) return;
            char name[] = "/var/tmp/vmio-XXXXXX";
            descriptor = k == kind::file ? ::mkstemp(name) : ::memfd_create("sparse", MFD_CLOEXEC);
            must(descriptor >= 0 && ::ftruncate(descriptor, static_cast<off_t>(size)) == 0, "sparse file");
            if (k == kind::file) ::unlink(name);
        }
        sparse_file(const sparse_file&) = delete;
        sparse_file& operator=(const sparse_file&) = delete;
        ~sparse_file() { ::close(descriptor); }

        int descriptor = -1;
    };
    static int flags_of(kind k) { return k == kind::anonymous ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED; }

    sparse_file file_;
    mapped memory_;
};

/// What a walk shows of `range`: which pages are not zero, and whether all was shown.
struct seen {
    seen(const process& target, const vmio::region_options& how) {
        region_reader reader(target, how);
        address reached = how.within.start();
        while (reader.next()) {
            ++chunks;
            const auto bytes = reader.fetch();
            const address fresh =
                reader.range().end() - std::min(reader.range().end() - reached, reader.range().size());
            whole = whole && fresh == reached && bytes.size() == reader.range().size() && reader.cut_off().empty();
            reached = reader.range().end();
            largest = std::max(largest, reader.range().size());
            const auto is_zero = [&](address a) {
                const auto& zeros = reader.untouched();
                const auto run = std::partition_point(zeros.begin(), zeros.end(),
                                                      [&](const address_range& r) { return r.end() <= a; });
                return run != zeros.end() && run->contains(a) ? run->end() : a;
            };
            for (address a = fresh; a < reader.range().end();) {
                const address next = is_zero(a);
                if (next == a && bytes[a - reader.range().start()] != std::byte{}) pages.push_back(a);
                a = next == a ? a + page : next;
            }
            gaps.insert(gaps.end(), reader.gaps().begin(), reader.gaps().end());
        }
        whole = whole && reached == how.within.end();
    }

    std::size_t chunks = 0;
    std::uint64_t largest = 0;
    bool whole = true;
    std::vector<address> pages;
    std::vector<address_range> gaps;
};

}  // namespace

BOOST_AUTO_TEST_CASE(reserved_memory_is_a_few_large_chunks) {
    for (const kind k : {kind::anonymous, kind::memory_file, kind::file}) {
        const reserved memory(k);
        const auto written = memory.write_some();
        const child_process child;
        const seen all(process(child.id()), test::in(memory->range(), mebibyte));
        BOOST_TEST(all.whole);
        BOOST_TEST(all.pages == written, boost::test_tools::per_element());
        BOOST_TEST(all.gaps.empty());
        BOOST_TEST(all.chunks < size / gibibyte + 150);
        BOOST_TEST(all.largest == gibibyte);
    }
}

BOOST_AUTO_TEST_CASE(a_chunk_of_reserved_memory_keeps_to_what_is_fetched_at_most) {
    const reserved memory(kind::anonymous);
    const auto written = memory.write_some();
    const child_process child;
    auto how = test::in({memory->start(), memory->start() + 4 * gibibyte}, mebibyte);
    how.max_fetched_size = 100 * mebibyte;
    const seen all(process(child.id()), how);
    BOOST_TEST((all.whole && all.largest == 100 * mebibyte && all.pages.size() == 6U));
    how.join_empty = false;
    const seen each(process(child.id()), how);
    BOOST_TEST((each.whole && each.largest == mebibyte && each.chunks == 4096U && each.pages == all.pages));
    // A hole that is too short to matter is shown in chunks as any other memory.
    how = test::in({memory->page(1), memory->start() + 2 * mebibyte}, mebibyte);
    BOOST_TEST(seen(process(child.id()), how).largest == mebibyte);
}

BOOST_AUTO_TEST_CASE(the_overlap_of_a_chunk_of_reserved_memory_is_zero_too) {
    const reserved memory(kind::anonymous);
    const auto written = memory.write_some();
    const child_process child;
    for (const std::size_t overlap : {std::size_t{1}, 100 * page, 2 * mebibyte}) {
        auto how = test::in({memory->start() + 16 * mebibyte, memory->start() + 4 * gibibyte}, mebibyte, overlap);
        const seen all(process(child.id()), how);
        BOOST_TEST((all.whole && all.pages.size() == 5U && all.largest >= gibibyte - mebibyte));
        region_reader reader(process(child.id()), how);
        while (reader.next()) {
            const auto bytes = reader.fetch();
            const auto again = std::min<std::size_t>(overlap, reader.range().start() - how.within.start() + overlap);
            for (std::size_t i = 0; i < std::min(again, bytes.size()); i += page) {
                const address a = reader.range().start() + i;
                const bool is_data = std::find(written.begin(), written.end(), a) != written.end();
                if ((bytes[i] != std::byte{}) != is_data) BOOST_FAIL("wrong byte at " << a);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(memory_past_the_end_of_a_file_is_a_few_large_chunks) {
    const test::unnamed_file file(2);
    const mapped memory(size / page, MAP_SHARED, file.get());
    const child_process child;
    for (const std::size_t overlap : {std::size_t{0}, page}) {
        region_reader reader(process(child.id()), test::in(memory.range(), mebibyte, overlap));
        std::size_t chunks = 0;
        while (reader.next()) {
            const auto bytes = reader.fetch();
            const bool first = chunks++ == 0;
            BOOST_REQUIRE((bytes.size() == reader.range().size() && reader.gaps().size() == 1));
            const address_range expected(first ? memory.page(2) : reader.range().start(), reader.range().end());
            BOOST_TEST((reader.gaps()[0] == expected));
            BOOST_TEST((reader.memory_gaps()[0].reason == vmio::gap_reason::past_end_of_file));
            BOOST_TEST((reader.untouched().empty() && (bytes[0] == std::byte{'a'}) == first));
        }
        BOOST_TEST(chunks < size / gibibyte + 20);
    }
}

BOOST_AUTO_TEST_CASE(bytes_written_before_the_fetch_are_seen) {
    const reserved memory(kind::anonymous);
    region_reader reader(process::self(), test::in({memory->start(), memory->start() + gibibyte}, mebibyte));
    BOOST_REQUIRE((reader.next() && reader.range().size() == gibibyte));
    memory->write(1000, 'x');
    std::this_thread::sleep_for(std::chrono::milliseconds(100));  // so long what is known of page tables does not last
    BOOST_TEST((reader.fetch()[1000 * page] == std::byte{'x'} && reader.fetch().size() == gibibyte));
    BOOST_TEST(reader.untouched().size() == 2U);
    BOOST_TEST(!reader.next());
}

BOOST_AUTO_TEST_CASE(memory_that_is_taken_away_meanwhile_is_not_zero) {
    const reserved memory(kind::anonymous);
    region_reader reader(process::self(), test::in({memory->start(), memory->start() + gibibyte}, mebibyte));
    must(::mprotect(memory->data(), 64 * mebibyte, PROT_READ) == 0, "mprotect");
    BOOST_REQUIRE(reader.next());
    must(::mprotect(memory->data(), 32 * mebibyte, PROT_NONE) == 0, "mprotect");
    must(::munmap(memory->data(), 16 * mebibyte) == 0, "munmap");
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    const auto bytes = reader.fetch();
    BOOST_TEST(bytes.size() == reader.range().size());
    BOOST_REQUIRE(!reader.memory_gaps().empty());
    BOOST_TEST((reader.memory_gaps()[0].range == address_range::of_size(memory->start(), 16 * mebibyte)));
    BOOST_TEST((reader.memory_gaps()[0].reason == vmio::gap_reason::unmapped));
    must(::mmap(memory->data(), 16 * mebibyte, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED,
         "mmap");
}

BOOST_AUTO_TEST_CASE(reserved_memory_costs_a_search_next_to_nothing) {
    for (const kind k : {kind::anonymous, kind::memory_file, kind::file}) {
        const reserved memory(k);
        const auto written = memory.write_some();
        const child_process child;
        const process_memory target{process(child.id())};
        for (const unsigned threads : {1U, 4U}) {
            std::size_t steps = 0;
            vmio::search_options options;
            options.regions.within = memory->range();
            options.threads = threads;
            options.progress = [&](const vmio::search_progress&) { return ++steps, true; };
            // A match begins in what was never touched, and ends there.
            const auto before = [](char c) { return vmio::byte_pattern::text(std::string(100, '\0') + c); };
            BOOST_TEST((search(target, before('e'), options) == std::vector<address>{written[4] - 100}));
            const auto behind = vmio::byte_pattern::text("i" + std::string(page, '\0'));
            BOOST_TEST((search(target, behind, options) == std::vector<address>{written[8]}));
            BOOST_TEST((search(target, before('j'), options) == std::vector<address>{written[9] - 100}));
            BOOST_TEST((search(target, before('a'), options).empty()));
            BOOST_TEST(steps < 4 * (size / gibibyte + 400));
            const vmio::search_options how{.regions = options.regions};
            const auto all = search(target, vmio::byte_pattern::text("absent"), how);
            BOOST_TEST(all.empty());
        }
        vmio::search_summary s = search(target, vmio::byte_pattern::text("b"), [](address) { return true; },
                                        {.regions = {.within = memory->range()}});
        BOOST_TEST((s.searched == size && s.unreadable == 0 && s.matches == 1));
    }
}
