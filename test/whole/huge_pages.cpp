// SPDX-License-Identifier: BSL-1.0
/// Memory of MAP_HUGETLB: what was never touched takes none of the pages that the system has set aside.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>

#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <vmio/core_memory.hpp>
#include <vmio/page_map.hpp>
#include <vmio/process_snapshot.hpp>
#include <vmio/region_reader.hpp>
#include <vmio/search.hpp>
#include <vmio/write_core.hpp>

#include "faults/seccomp.hpp"
#include "proc/pagemap_scan.hpp"
#include "processes/child.hpp"
#include "support/kernel_features.hpp"
#include "support/pages.hpp"
#include "support/sanitized.hpp"
#include "support/scratch.hpp"
#include "support/skip.hpp"

using test::child_process;
using test::must;
using vmio::address;
using vmio::address_range;
using vmio::page_state;
using vmio::process;
using vmio::process_memory;
using vmio::transfer_method;

namespace {

/// In kilobytes, from a file of /proc.
std::size_t number_in(const std::string& path, const std::string& key) {
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);)
        if (line.starts_with(key + ":")) return std::stoul(line.substr(key.size() + 1));
    return 0;
}

const std::size_t huge = number_in("/proc/meminfo", "Hugepagesize") << 10;

/// So many more than there were, while it exists.
class huge_pages_set_aside {
public:
    explicit huge_pages_set_aside(unsigned count) {
        std::ifstream(path) >> before_;
        for (int i = 0; i < 10 && huge > 0 && !there_; ++i) {  // what is free may be in pieces
            if (i > 0) std::ofstream("/proc/sys/vm/compact_memory") << 1;
            std::ofstream(path) << before_ + count;
            unsigned now = 0;
            std::ifstream(path) >> now;
            there_ = now == before_ + count;
        }
    }
    huge_pages_set_aside(const huge_pages_set_aside&) = delete;
    huge_pages_set_aside& operator=(const huge_pages_set_aside&) = delete;
    ~huge_pages_set_aside() { std::ofstream(path) << before_; }

    bool there() const { return there_; }

private:
    static constexpr const char* path = "/proc/sys/vm/nr_hugepages";
    unsigned before_ = 0;
    bool there_ = false;
};

boost::test_tools::assertion_result can_have_huge_pages(boost::unit_test::test_unit_id) {
    return test::unless_missing(huge_pages_set_aside(4).there(), "root, and memory for 4 huge pages");
}

/// Three huge pages, of which a child has touched the second.
struct scene {
    huge_pages_set_aside aside{4};
    std::byte* data = mapped();
    address start = test::address_of(data);
    address_range range = address_range::of_size(start, 3 * huge);
    address written = start + huge + 5;
    child_process child{[this] { std::strcpy(reinterpret_cast<char*>(data) + huge + 5, "in a huge page"); }};

    ~scene() { ::munmap(data, 3 * huge); }

    static std::byte* mapped() {
        void* const p = ::mmap(nullptr, 3 * huge, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_NORESERVE, -1, 0);
        must(p != MAP_FAILED, "mmap of huge pages");
        return static_cast<std::byte*>(p);
    }
    /// Of the child, in kilobytes.
    std::size_t taken() const { return number_in("/proc/" + std::to_string(child.id()) + "/status", "HugetlbPages"); }
};

/// Whether a walk, a search and a capture find the expected bytes and no others.
int look(const scene& s) {
    const process target(s.child.id());
    vmio::region_options within;
    within.within = s.range;
    std::size_t size = 0;
    for (vmio::region_reader& chunk : vmio::region_reader(target, within)) {
        const auto bytes = chunk.fetch();
        size += bytes.size();
        if (!chunk.gaps().empty() || std::memcmp(bytes.data() + huge + 5, "in a huge page", 15) != 0) return 1;
        if (static_cast<std::size_t>(std::ranges::count(bytes, std::byte{0})) != bytes.size() - 14) return 2;
    }
    if (size != s.range.size()) return 3;
    vmio::search_options everywhere;
    everywhere.regions = within.sources();
    const auto found = search(process_memory(target), vmio::byte_pattern::text("in a huge page"), everywhere);
    if (found.size() != 1 || found.front() != s.written) return 4;
    vmio::capture_options captured;
    captured.ranges = {s.range};
    const auto kept = vmio::process_snapshot::capture(target, captured);
    if (!kept.gaps().empty() || kept.read_value<char>(s.written) != 'i') return 5;
    return kept.read_value<char>(s.start) == 0 ? 0 : 6;
}

std::string picture(const scene& s, page_state wanted) {
    std::string text;
    for (const vmio::page_run& run : scan_pages(process(s.child.id()), s.range, wanted))
        text += std::string(run.range.size() / huge, has(run.state, page_state::data) ? 'd' : '-');
    return text;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(huge_pages, *boost::unit_test::precondition(can_have_huge_pages))

BOOST_AUTO_TEST_CASE(huge_pages_are_read_and_written) {
    const scene s;
    for (const transfer_method method : {transfer_method::process_vm, transfer_method::proc_mem}) {
        const process_memory memory(process(s.child.id()), {.method = method});
        BOOST_TEST(memory.read_string(s.written, 100) == "in a huge page");
        memory.write_value(s.written + 3000, static_cast<int>(method) + 40);
        BOOST_TEST(memory.read_value<int>(s.written + 3000) == static_cast<int>(method) + 40);
    }
}

BOOST_AUTO_TEST_CASE(the_state_of_a_huge_page_is_that_of_all_pages_in_it) {
    const scene s;
    BOOST_TEST(picture(s, page_state::data) == "d");
    BOOST_TEST(picture(s, page_state::data | page_state::absent) == "-d-");
    BOOST_TEST(test::in_a_process([&] {
                   test::forbid_ioctl(vmio::detail::pagemap::request, ENOTTY);
                   return picture(s, page_state::data | page_state::absent) == "-d-" ? 0 : 1;
               }) == 0);
    const auto run = scan_pages(process(s.child.id()), {s.written, s.written + 1}, page_state::all).at(0);
    if (test::scans_page_tables()) BOOST_TEST(has(run.state, page_state::huge));
    BOOST_TEST(has(run.state, page_state::changed));
}

BOOST_AUTO_TEST_CASE(looking_at_all_pages_takes_no_huge_page) {
    const scene s;
    BOOST_TEST(s.taken() == huge >> 10);
    BOOST_TEST(look(s) == 0);
    BOOST_TEST(test::in_a_process([&] {
                   test::forbid_ioctl(vmio::detail::pagemap::request, ENOTTY);
                   return look(s);
               }) == 0);
    BOOST_TEST(s.taken() == huge >> 10);
}

BOOST_AUTO_TEST_CASE(an_ordinary_user_takes_no_huge_page_either) {
    const int status = test::in_a_process([] {
        const huge_pages_set_aside aside(4);
        return test::as_nobody([] {
            ::prctl(PR_SET_DUMPABLE, 1);  // which a change of the user takes away
            const scene s;
            const int seen = look(s);
            return seen != 0 ? seen : s.taken() == huge >> 10 ? 0 : 10;
        });
    });
    BOOST_TEST(status == 0);
}

#ifndef VMIO_TEST_SANITIZED  // it looks for guard pages in all that is mapped
BOOST_AUTO_TEST_CASE(a_core_file_holds_huge_pages) {
    const scene s;
    const test::scratch_directory place;
    vmio::core_options options;
    options.wanted = [&](const vmio::mapping& m) { return m.range.overlaps(s.range); };
    write_core(process(s.child.id()), place / "core", options);
    const auto core = vmio::core_memory::open(place / "core");
    std::string text(14, '\0');
    std::error_code ec;
    BOOST_TEST(core.read_some(s.written, std::as_writable_bytes(std::span(text)), ec) == text.size());
    BOOST_TEST(text == "in a huge page");
    BOOST_TEST(s.taken() == huge >> 10);
}
#endif

BOOST_AUTO_TEST_SUITE_END()
