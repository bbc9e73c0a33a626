// SPDX-License-Identifier: BSL-1.0
/// What is mapped by a living process, with a failure at each place where asking can fail.
#include <algorithm>

#include <boost/test/unit_test.hpp>

#include <vmio/backing_file.hpp>
#include <vmio/build_id.hpp>
#include <vmio/file_offset.hpp>
#include <vmio/memory_map.hpp>
#include <vmio/page_map.hpp>
#include <vmio/query_mapping.hpp>
#include <vmio/smaps.hpp>

#include "faults/fault_trials.hpp"

using namespace vmio;
using namespace test;

namespace {

const std::size_t page = page_size();

bool is_complete(const fault_scene& s, const memory_map& map) {
    const mapping* const constant = map.find(s.constant.start());
    const mapping* const file = map.find(s.file_bytes.start());
    return constant != nullptr && constant->range.end() >= s.constant.page(8) && file != nullptr &&
           file->range == s.file_bytes.range() && file->deleted && map.malformed_lines().empty() && !map.torn();
}

outcome load_map(const fault_scene& s) {
    const process target = s.target();
    expect(is_complete(s, with_faults([&] { return memory_map::load(target); })), "all mappings");
    return outcome::done;
}

outcome load_map_by_code(const fault_scene& s) {
    const process target = s.target();
    std::error_code ec;
    const memory_map map = with_faults([&] { return memory_map::load(target, ec); });
    if (map.empty()) return told_by(ec);
    expect(!ec && is_complete(s, map), "all mappings");
    return outcome::done;
}

outcome refresh_map(const fault_scene& s) {
    memory_map map = memory_map::load(s.target());
    try {
        with_faults([&] { map.refresh(); });
    } catch (...) {
        expect(is_complete(s, map), "the old list");
        throw;
    }
    expect(is_complete(s, map), "all mappings");
    return outcome::done;
}

outcome ask_for_a_mapping(const fault_scene& s) {
    const process target = s.target();
    const auto m = with_faults([&] { return query_mapping(target, s.file_bytes.start()); });
    expect(m && m->range == s.file_bytes.range() && m->deleted && m->name.starts_with("/var/tmp/"), "the mapping");
    return outcome::done;
}

outcome ask_for_a_mapping_by_code(const fault_scene& s) {
    const process target = s.target();
    std::error_code ec;
    const auto m =
        with_faults([&] { return query_mapping(target, s.file_bytes.start(), mapping_lookup::next_after, {}, ec); });
    if (!m) return told_by(ec);
    expect(m->range == s.file_bytes.range() && m->deleted, "the mapping");
    return outcome::done;
}

outcome look_at_pages(const fault_scene& s) {
    const process target = s.target();
    const auto runs = with_faults([&] { return scan_pages(target, s.large.range(), page_state::data); });
    expect(runs.size() == 1 && runs[0].range.end() == s.large.range().end(), "the page with the text");
    return outcome::done;
}

outcome look_at_pages_by_code(const fault_scene& s) {
    const process target = s.target();
    std::error_code ec;
    const page_map pages = with_faults([&] { return page_map(target, ec); });
    if (ec) return outcome::told;
    expect(pages.scan(s.constant.range(), page_state::changed).size() == 1, "pages that were written");
    return outcome::done;
}

outcome read_numbers(const fault_scene& s) {
    const process target = s.target();
    const auto entries = with_faults([&] { return read_smaps(target, s.constant.range()); });
    expect(entries.size() == 1 && entries[0].range.contains(s.constant.start()) &&
               entries[0].anonymous >= s.constant.size(),
           "one mapping and its numbers");
    return outcome::done;
}

/// Of this program, which the child runs too.
mapping code_of(const fault_scene& s) {
    return query_mapping(s.target(), address_of(reinterpret_cast<const void*>(&code_of))).value();
}

outcome find_a_build_id(const fault_scene& s) {
    const mapping m = code_of(s);
    const process target = s.target();
    static const std::vector<std::byte> right = build_id(process::self(), m);
    expect(!right.empty(), "a program with a build id");
    expect(with_faults([&] { return build_id(target, m); }) == right, "the build id");
    return outcome::done;
}

outcome find_file_offsets(const fault_scene& s) {
    const mapping m = code_of(s);
    const process target = s.target();
    std::vector<address> where{m.range.start() + 1, s.constant.start(), s.file_bytes.start() + page};
    std::sort(where.begin(), where.end());
    const file_offsets found = with_faults([&] { return file_offset(target, where); });
    expect(found.files.size() == 2 && found.locations.size() == 3, "two files");
    for (const file_location& at : found.locations) {
        if (at.where == s.constant.start()) expect(!at.file, "no file");
        if (at.where == m.range.start() + 1) {
            expect(at.file && at.offset == m.offset + 1, "an offset");
            expect(found.files[*at.file].build_id == build_id(target, m), "the build id");
        }
        if (at.where == s.file_bytes.start() + page) expect(at.file && at.offset == page, "an offset");
    }
    return outcome::done;
}

outcome open_the_file_behind(const fault_scene& s) {
    const process target = s.target();
    const mapping m = query_mapping(target, s.file_bytes.start()).value();
    std::byte byte{};
    std::error_code ec;
    with_faults([&] {
        const backing_file file(target, m);
        expect(bool(file), description(file.refusal()));
        file.read_some(page, {&byte, 1}, ec);
    });
    expect(!ec && byte == std::byte{'b'}, "a byte of the file");
    return outcome::done;
}

}  // namespace

const std::vector<test::fault_operation> test::fault_operations{
    {"memory_map::load", load_map},
    {"memory_map::load by error_code", load_map_by_code},
    {"memory_map::refresh", refresh_map},
    {"query_mapping", ask_for_a_mapping},
    {"query_mapping by error_code", ask_for_a_mapping_by_code},
    {"query_mapping, queries forbidden", ask_for_a_mapping, without_queries},
    {"scan_pages", look_at_pages},
    {"scan_pages, queries forbidden", look_at_pages, without_queries},
    {"page_map by error_code", look_at_pages_by_code},
    {"read_smaps", read_numbers},
    {"build_id", find_a_build_id},
    {"build_id, queries forbidden", find_a_build_id, without_queries},
    {"file_offset", find_file_offsets},
    {"file_offset, queries forbidden", find_file_offsets, without_queries},
    {"backing_file", open_the_file_behind}};
