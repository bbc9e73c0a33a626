// SPDX-License-Identifier: BSL-1.0
// Which memory a core file has: memory that its protection forbids, as gcore has it.
#include <vmio/write_core.hpp>

#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <vmio/core_memory.hpp>
#include <vmio/memory_map.hpp>
#include <vmio/page_map.hpp>
#include <vmio/process_snapshot.hpp>

#include "processes/core_process.hpp"
#include "support/pages.hpp"

using vmio::address;
using vmio::address_range;
using vmio::core_memory;
using vmio::gap_reason;
using vmio::process;

namespace {

/// The bytes of `range`; fewer where the core has no more.
std::vector<std::byte> read(const core_memory& core, const address_range& range) {
    std::vector<std::byte> bytes(range.size());
    std::error_code ec;
    bytes.resize(core.read_some(range.start(), bytes, ec));
    return bytes;
}

std::optional<gap_reason> gap_at(const std::vector<vmio::memory_gap>& gaps, address a) {
    for (const vmio::memory_gap& gap : gaps)
        if (gap.range.contains(a)) return gap.reason;
    return std::nullopt;
}

/// Counted by the kernel page by page: other figures of it are late.
std::string resident_size(pid_t id) {
    std::ifstream file("/proc/" + std::to_string(id) + "/smaps_rollup");
    for (std::string line; std::getline(file, line);)
        if (line.starts_with("Rss:")) return line;
    return {};
}

}  // namespace

BOOST_AUTO_TEST_CASE(protected_memory_is_written_as_gcore_does, *boost::unit_test::precondition(test::with_gdb)) {
    const test::core_process target;
    const std::string id = std::to_string(target.id());
    const auto path = target.directory() / "written";
    write_core(process(target.id()), std::filesystem::path(path));  // before gcore, which makes pages present
    test::output_of("gcore -o " + target.directory().path() + "/made " + id);
    const core_memory expected = core_memory::open(target.directory() / ("made." + id));
    const core_memory core = core_memory::open(path);
    const auto map = vmio::memory_map::load(process(target.id()));
    std::size_t compared = 0;
    for (const vmio::mapping& m : map) {
        if (m.perms.read || m.name == "[vsyscall]") continue;
        const std::vector<std::byte> bytes = read(core, m.range);
        if (bytes.empty()) {  // gcore may have zeros that were never touched
            BOOST_TEST(test::all_equal(read(expected, m.range), std::byte{}), m);
            continue;
        }
        ++compared;
        BOOST_TEST(bytes.size() == m.range.size());
        BOOST_TEST((bytes == read(expected, m.range)));
    }
    BOOST_TEST(compared == 5u);
    for (const std::size_t i : {4, 8, 9, 10, 11})
        BOOST_TEST((read(core, {target.page(i), target.page(i + 1)}) == target.expected(i, i + 1)));
}

BOOST_AUTO_TEST_CASE(protected_memory_that_holds_nothing_is_omitted_and_no_page_becomes_present) {
    const test::core_process target;
    const process opened(target.id());
    const auto path = target.directory() / "written";
    vmio::core_options options;
    options.read_protected = false;
    write_core(opened, std::filesystem::path(path), options);  // makes the [vdso] present, which is the kernel's
    const std::string before = resident_size(target.id());
    const address_range all(target.page(0), target.page(14));
    const auto pages = scan_pages(opened, all);
    const auto gaps = write_core(opened, std::filesystem::path(path)).gaps;
    BOOST_TEST(resident_size(target.id()) == before);
    BOOST_TEST((scan_pages(opened, all) == pages));
    for (const std::size_t i : {4, 8, 9, 10, 11}) BOOST_TEST(!gap_at(gaps, target.page(i)).has_value());
    for (const std::size_t i : {12, 13}) BOOST_TEST((gap_at(gaps, target.page(i)) == gap_reason::no_permission));
}

BOOST_AUTO_TEST_CASE(a_core_of_a_capture_has_the_protected_memory_that_was_captured) {
    const test::core_process target;
    const auto path = target.directory() / "saved";
    vmio::capture_options options;
    options.pause = true;
    options.regions.read_protected = true;
    const auto gaps = vmio::process_snapshot::capture(process(target.id()), options).save_core(path).gaps;
    const core_memory core = core_memory::open(path);
    for (const std::size_t i : {4, 8, 9, 10, 11}) {
        BOOST_TEST((read(core, {target.page(i), target.page(i + 1)}) == target.expected(i, i + 1)));
        BOOST_TEST(!gap_at(gaps, target.page(i)).has_value());
    }
}
