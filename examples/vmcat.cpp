// SPDX-License-Identifier: BSL-1.0
/// Copies a range of a process's memory, or of any other, to the standard output, or the standard input into it.
#include <algorithm>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <unistd.h>

#include <vmio/hex_dump.hpp>
#include <vmio/memory_map.hpp>
#include <vmio/memory_stream.hpp>
#include <vmio/memory_walk.hpp>
#include <vmio/query_mapping.hpp>

#include "memory_argument.hpp"
#include "text.hpp"
#include "tool.hpp"

namespace {

constexpr std::size_t piece_size = std::size_t{1} << 18;  // stays in the cache between the two copies of each byte

std::string text_of(const vmio::address_range& range) {
    return tool::hex(range.start(), 12) + '-' + tool::hex(range.end(), 12);
}

// ---- which range ----

std::optional<vmio::mapping> mapping_around(const vmio::any_memory& memory, vmio::address where) {
    if (const auto* const live = tool::process_in(memory)) return vmio::query_mapping(live->target(), where);
    const vmio::memory_map map = tool::mapped_in(memory);
    const vmio::mapping* const m = map.find(where);
    return m != nullptr ? std::optional(*m) : std::nullopt;
}

vmio::address_range range_of(const vmio::any_memory& memory, const std::string& text) {
    tool::places places = tool::places_in(memory);
    if (const auto range = places.range(text)) return *range;
    const vmio::address start = places.address(text);
    const auto around = mapping_around(memory, start);
    if (around) return {start, around->range.end()};
    throw std::runtime_error("nothing is mapped at 0x" + tool::hex(start) + ": 'vmmap " + memory.name() +
                             "' lists what is");
}

// ---- what is done with it ----

/// Tells of each gap once, though it comes in pieces.
class gap_report {
public:
    void add(const vmio::memory_gap& gap) {
        if (last_ && last_->reason == gap.reason && last_->range.end() == gap.range.start()) {
            last_->range = {last_->range.start(), gap.range.end()};
            return;
        }
        tell();
        last_ = gap;
    }
    /// The exit status.
    int end() {
        tell();
        return last_ ? tool::failed : tool::done;
    }

private:
    void tell() const {
        if (last_)
            std::cerr << "vmcat: not read: " << text_of(last_->range) << ", " << description(last_->reason) << '\n';
    }
    std::optional<vmio::memory_gap> last_;
};

/// Up to the first byte that cannot be read, which is an error.
int print_raw(const vmio::any_memory& memory, const vmio::address_range& range) {
    vmio::memory_istream<vmio::any_memory> from(memory, range);
    from.exceptions(std::ios::badbit);
    std::vector<char> piece(std::min<std::uint64_t>(piece_size, range.size()));
    for (std::uint64_t left = range.size(); left > 0 && std::cout;) {
        from.clear();
        from.read(piece.data(), static_cast<std::streamsize>(std::min<std::uint64_t>(piece.size(), left)));
        std::cout.write(piece.data(), from.gcount());
        left -= static_cast<std::uint64_t>(from.gcount());
    }
    return tool::done;
}

/// Goes past what is not mapped, or not for reading, without trying it: it may be terabytes.
class hole_skipper {
public:
    explicit hole_skipper(const vmio::any_memory& memory) : live_(tool::process_in(memory)) {
        if (live_ != nullptr) return;
        ranges_ = memory.ranges();
        gaps_ = memory.gaps();
    }

    /// Returns: where the hole ends that `at` is in.
    vmio::address past(vmio::address at, vmio::address end, gap_report& report) const {
        while (at < end) {
            const auto hole = live_ != nullptr ? hole_in_process(at, end) : hole_at(at, end);
            if (!hole) break;
            report.add(*hole);
            at = hole->range.end();
        }
        return at;
    }

private:
    std::optional<vmio::memory_gap> hole_in_process(vmio::address at, vmio::address end) const {
        const auto next = vmio::query_mapping(live_->target(), at, vmio::mapping_lookup::next_after);
        const bool covered = next && next->range.contains(at);
        if (covered && next->perms.read) return std::nullopt;
        const vmio::address stop = !next ? end : std::min(end, covered ? next->range.end() : next->range.start());
        return vmio::memory_gap{{at, stop}, covered ? vmio::gap_reason::no_permission : vmio::gap_reason::unmapped};
    }
    std::optional<vmio::memory_gap> hole_at(vmio::address at, vmio::address end) const {
        const auto below = [&](const auto& r) { return r.end() <= at; };
        const auto next = std::partition_point(ranges_.begin(), ranges_.end(), below);
        if (ranges_.empty() || (next != ranges_.end() && next->contains(at))) return std::nullopt;
        if (next != ranges_.end()) end = std::min(end, next->start());
        const auto gap =
            std::partition_point(gaps_.begin(), gaps_.end(), [&](const auto& g) { return below(g.range); });
        if (gap == gaps_.end() || gap->range.start() >= end) return vmio::memory_gap{{at, end}};
        if (gap->range.contains(at)) return vmio::memory_gap{{at, std::min(end, gap->range.end())}, gap->reason};
        return vmio::memory_gap{{at, gap->range.start()}};
    }

    const vmio::process_memory* live_;
    std::vector<vmio::address_range> ranges_;  // of any other memory, which does not change
    std::vector<vmio::memory_gap> gaps_;
};

/// All of it: what cannot be read is zero, or missing from a dump.
int print_past_gaps(const vmio::any_memory& memory, const vmio::address_range& range, bool dump) {
    gap_report report;
    std::optional<hole_skipper> holes;
    std::vector<std::byte> piece(std::min<std::uint64_t>(piece_size, range.size()));
    for (vmio::address at = range.start(); at < range.end() && std::cout;) {
        const auto bytes = std::span(piece).first(std::min<std::uint64_t>(piece.size(), range.end() - at));
        const auto gaps = vmio::read_past_gaps(memory, at, bytes);
        for (const vmio::memory_gap& gap : gaps) report.add(gap);
        if (dump) {
            vmio::hex_dump(std::cout, bytes, at, gaps);
        } else {
            std::cout.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
        }
        at += bytes.size();
        const bool hole = gaps.size() == 1 && gaps.front().range.size() == bytes.size();
        if (!dump || !hole) continue;
        if (!holes) holes.emplace(memory);
        at = holes->past(at, range.end(), report);
    }
    return report.end();
}

int write_input(const vmio::any_memory& memory, const vmio::address_range& range) {
    vmio::memory_ostream<vmio::any_memory> to(memory, range, 0);
    to.exceptions(std::ios::badbit);
    std::vector<char> piece(piece_size);
    std::uint64_t left = range.size();
    while (left > 0 && std::cin) {
        std::cin.read(piece.data(), static_cast<std::streamsize>(std::min<std::uint64_t>(piece.size(), left)));
        to.write(piece.data(), std::cin.gcount());
        left -= static_cast<std::uint64_t>(std::cin.gcount());
    }
    const bool more = left == 0 && std::cin && std::cin.peek() != std::istream::traits_type::eof();
    if (std::cin.bad()) throw std::runtime_error("cannot read the standard input: closed, or a directory");
    if (more) throw std::runtime_error("the input is longer than the range, which was written: " + text_of(range));
    return tool::done;
}

}  // namespace

int main(int argc, char** argv) {
    tool::command vmcat{
        .usage = "[OPTION...] MEMORY RANGE",
        .text =
            "Copies a range of the memory of a process, or of any other, to the standard output: raw\n"
            "bytes, or a hexdump if that is a terminal. RANGE is one of\n"
            "  START-END, START+SIZE  an address is hexadecimal, a size decimal, or 0x...\n"
            "  START                  up to the end of the mapping that it lies in\n"
            "  NAME                   the region of that name, with all of its mappings that follow\n"
            "                         each other without a gap\n"
            "  NAME+SIZE              so much of it; NAME+OFFSET+SIZE\n"
            "Raw bytes end, with an error, before the first one that cannot be read: what came out is\n"
            "always the beginning of the range. A hexdump continues behind it: -- is a byte that cannot\n"
            "be read, and rows of nothing else are left out.\n"
            "Input (--write) may be shorter than the range, but not longer. After an error, what lies\n"
            "before the address that it names has been written. Core files, snapshots and raw images are\n"
            "only read.\n" +
            tool::place_text + tool::memory_text,
        .statuses = "0 all was read or written, 1 not all, or nothing: the standard error says why, 2 wrong usage"};
    vmcat.offered.add_options()("hex,x", "print a hexdump")("raw,r", "print raw bytes, even on a terminal")(
        "zero-gaps,z", "print zeros for what cannot be read, and go on; still the exit status is 1")(
        "write,w", "write the standard input into the range")(
        "force,f", "with --write: write also where the process itself may not");
    vmcat.argument("MEMORY", tool::options::value<std::string>()->required());
    vmcat.argument("RANGE", tool::options::value<std::string>()->required());
    return tool::run(std::move(vmcat), argc, argv, [](const tool::options::variables_map& given) {
        const auto has = [&](const char* option) { return given.count(option) != 0; };
        if (has("write") + has("hex") + has("raw") > 1 || (has("zero-gaps") && (has("write") || has("hex"))))
            throw tool::usage_error("--write, --hex, and --raw or --zero-gaps exclude each other");
        if (has("force") && !has("write")) throw tool::usage_error("--force is for --write");
        const vmio::any_memory memory = tool::open_memory(given["MEMORY"].as<std::string>(),
                                                          {.process = {.force_write = has("force")}, .remote = {}});
        if (has("write") && !memory.writable())
            tool::refuse(memory, "cannot be written: give a process, or gdb:HOST:PORT");
        const vmio::address_range range = range_of(memory, given["RANGE"].as<std::string>());
        const bool dump = has("hex") || (!has("raw") && !has("zero-gaps") && ::isatty(STDOUT_FILENO) == 1);
        try {
            if (has("write")) return write_input(memory, range);
            if (dump || has("zero-gaps")) return print_past_gaps(memory, range, dump);
            return print_raw(memory, range);
        } catch (const vmio::memory_error& e) {
            if (e.code() != vmio::errc::bad_address || has("force")) throw;
            throw std::runtime_error(e.what() +
                                     std::string(has("write") ? "; --force writes also where the process itself may not"
                                                              : "; --zero-gaps continues behind it"));
        }
    });
}
