// SPDX-License-Identifier: BSL-1.0
#include <vmio/smaps.hpp>

#include <algorithm>
#include <charconv>
#include <utility>

#include <vmio/error.hpp>

#include "maps/smaps_text.hpp"
#include "proc/maps_text.hpp"
#include "process/opening_error.hpp"
#include "process/proc_file.hpp"

namespace vmio {
namespace {

constexpr std::pair<std::string_view, std::uint64_t smaps_entry::*> numbers[] = {
    {"KernelPageSize", &smaps_entry::page_size},
    {"Rss", &smaps_entry::rss},
    {"Shared_Clean", &smaps_entry::shared_clean},
    {"Shared_Dirty", &smaps_entry::shared_dirty},
    {"Private_Clean", &smaps_entry::private_clean},
    {"Private_Dirty", &smaps_entry::private_dirty},
    {"Pss", &smaps_entry::pss},
    {"Anonymous", &smaps_entry::anonymous},
    {"AnonHugePages", &smaps_entry::anonymous_huge},
    {"Shared_Hugetlb", &smaps_entry::shared_hugetlb},
    {"Private_Hugetlb", &smaps_entry::private_hugetlb},
    {"Swap", &smaps_entry::swap},
    {"SwapPss", &smaps_entry::swap_pss},
    {"Locked", &smaps_entry::locked},
};

/// Parses "Key:     number kB" or "VmFlags: rd wr"; skips other lines.
void take(std::string_view line, smaps_entry& entry) noexcept {
    const auto colon = line.find(':');
    if (colon == line.npos) return;
    const auto key = line.substr(0, colon);
    const auto value = line.substr(std::min(line.find_first_not_of(' ', colon + 1), line.size()));
    if (key == "VmFlags") entry.flags = vm_flags(value);
    for (const auto& [name, member] : numbers) {
        if (key != name) continue;
        std::uint64_t kilobytes = 0;
        std::from_chars(value.data(), value.data() + value.size(), kilobytes);
        entry.*member = kilobytes * 1024;
    }
}

}  // namespace

vm_flags::vm_flags(std::string_view codes) noexcept {
    while (!codes.empty()) {
        const auto code = codes.substr(0, codes.find(' '));
        if (const std::size_t i = code.size() == 2 ? index(code[0], code[1]) : count; i < count) bits_.set(i);
        codes.remove_prefix(std::min(code.size() + 1, codes.size()));
    }
}

std::string vm_flags::codes() const {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) {
        if (!bits_[i]) continue;
        if (!text.empty()) text += ' ';
        text += static_cast<char>('a' + i / letters);
        text += static_cast<char>('a' + i % letters);
    }
    return text;
}

namespace detail {

std::vector<smaps_entry> parse_smaps(line_reader& lines, const address_range& range) {
    std::vector<smaps_entry> entries;
    bool wanted = false;
    for (std::string_view line; lines.next(line);) {
        const address_range mapped = range_of_line(line);
        if (mapped.empty()) {
            if (wanted) take(line, entries.back());
            continue;
        }
        if (mapped.start() >= range.end()) break;
        wanted = mapped.overlaps(range);
        if (!wanted) continue;
        while (!entries.empty() && entries.back().range.end() > mapped.start()) entries.pop_back();
        entries.emplace_back().range = mapped;
    }
    return entries;
}

}  // namespace detail

std::vector<smaps_entry> read_smaps(const process& target, address_range range) {
    std::vector<smaps_entry> entries;
    std::error_code ec;
    const detail::file_descriptor file = detail::open_proc_file(target, "smaps", ec);
    if (!ec) {
        detail::line_reader lines(file.get());
        entries = detail::parse_smaps(lines, range);
        ec = detail::gone_only_if_ended(target, lines.error());
        if (const std::error_code why = detail::lost_program(target)) ec = why;
    }
    if (ec) throw detail::opening_error("read of /proc/PID/smaps", target.id(), 0, ec);
    return entries;
}

std::vector<address_range> dontdump_ranges(const process& target, address_range range) {
    std::vector<address_range> ranges;
    for (const smaps_entry& entry : read_smaps(target, range))
        if (entry.flags.has("dd")) ranges.push_back(entry.range);
    return ranges;
}

}  // namespace vmio
