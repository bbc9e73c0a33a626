// SPDX-License-Identifier: BSL-1.0
#include <vmio/memory_check.hpp>

#include <algorithm>
#include <ostream>
#include <sstream>
#include <system_error>
#include <vector>

#include <vmio/checkpoint.hpp>
#include <vmio/hex_dump.hpp>
#include <vmio/process_memory.hpp>
#include <vmio/process_snapshot.hpp>
#include <vmio/snapshot_diff.hpp>

#include "base/range_set.hpp"

namespace vmio {
namespace {

constexpr std::size_t shown = 32;  // bytes of each side
constexpr std::size_t listed = 8;  // ranges

/// Reads up to the first byte that cannot be read.
std::vector<std::byte> read_prefix(const detail::read_function& memory, address where, std::size_t size,
                                   std::error_code& ec) {
    std::vector<std::byte> bytes(size);
    std::size_t done = 0;
    while (done < size) {
        const std::size_t step = memory(where + done, std::span(bytes).subspan(done), ec);
        if (step == 0) break;
        done += step;
    }
    bytes.resize(done);
    return bytes;
}

memory_check differing(const process_snapshot& before, const detail::read_function& now,
                       std::vector<address_range> ranges, std::span<const address_range> allowed) {
    ranges = detail::without(ranges, detail::made_set({allowed.begin(), allowed.end()}));
    if (ranges.empty()) return {};
    std::ostringstream text;
    text << ranges.size() << (ranges.size() == 1 ? " range differs" : " ranges differ");
    for (std::size_t i = 0; i < std::min(ranges.size(), listed); ++i) {
        const address at = ranges[i].start();
        const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(ranges[i].size(), shown));
        std::error_code ec;
        text << '\n' << ranges[i] << ", before and now:\n";
        hex_dump(text, read_prefix(detail::reading_from(before), at, size, ec), at);
        hex_dump(text, read_prefix(now, at, size, ec), at);
    }
    if (ranges.size() > listed) text << "\nand " << ranges.size() - listed << " more\n";
    return memory_check(text.str());
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const memory_check& check) {
    return out << (check ? "as expected" : check.message());
}

namespace detail {

memory_check equals(const read_function& memory, address where, std::span<const std::byte> expected) {
    std::error_code ec;
    const std::vector<std::byte> bytes = read_prefix(memory, where, expected.size(), ec);
    const auto same = static_cast<std::size_t>(
        std::mismatch(bytes.begin(), bytes.end(), expected.begin(), expected.begin() + std::ssize(bytes)).first -
        bytes.begin());
    if (same == expected.size()) return {};
    std::ostringstream text;
    text << std::hex << std::showbase;
    if (same == bytes.size()) {
        text << "the byte at " << where + same << " cannot be read: " << ec.message();
        return memory_check(text.str());
    }
    text << "the memory differs from " << where + same << " on; expected:\n";
    hex_dump(text, expected.subspan(same, std::min(shown, expected.size() - same)), where + same);
    text << "and found:\n";
    hex_dump(text, std::span(bytes).subspan(same, std::min(shown, bytes.size() - same)), where + same);
    return memory_check(text.str());
}

}  // namespace detail

memory_check differs_only_in(const process_snapshot& before, const process_memory& now,
                             std::span<const address_range> allowed) {
    return differing(before, detail::reading_from(now), diff(before, now), allowed);
}

memory_check unchanged_since(const checkpoint& base, std::span<const address_range> except) {
    return differing(base.base(), detail::reading_from(base.memory()), base.differences(), except);
}

}  // namespace vmio
