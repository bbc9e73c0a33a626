// SPDX-License-Identifier: BSL-1.0
/// Finds text, bytes and numbers in the memory of a process, or in any other memory.
#include <algorithm>
#include <iostream>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <unistd.h>

#include <vmio/memory_search.hpp>
#include <vmio/memory_walk.hpp>
#include <vmio/query_mapping.hpp>

#include "memory_argument.hpp"
#include "progress_bar.hpp"
#include "text.hpp"
#include "tool.hpp"

namespace {

constexpr std::size_t most_context = std::size_t{1} << 16;

struct wanted {
    vmio::byte_pattern pattern;
    std::size_t alignment = 1;
};

template <class Number>
wanted number(const std::string& text) {
    const std::uint64_t value = tool::number(text);
    if (value > std::numeric_limits<Number>::max()) throw tool::usage_error(text + " does not fit");
    return {vmio::byte_pattern::value(static_cast<Number>(value)), sizeof(Number)};
}

std::vector<wanted> wanted_patterns(const tool::options::variables_map& given) {
    std::vector<wanted> all;
    const auto add = [&](const char* option, auto&& parse) {
        if (given.count(option) == 0) return;
        for (const auto& text : given[option].as<std::vector<std::string>>()) try {
                all.push_back(parse(text));
            } catch (const std::invalid_argument& e) {
                const std::string_view why = e.what();
                throw tool::usage_error('\'' + text + "\': " + std::string(why.substr(why.find(": ") + 2)));
            }
    };
    add("TEXT", [](const std::string& text) { return wanted{vmio::byte_pattern::text(text)}; });
    add("hex", [](const std::string& text) { return wanted{vmio::byte_pattern::hex(text)}; });
    add("u32", number<std::uint32_t>);
    add("u64", number<std::uint64_t>);
    if (all.empty()) throw tool::usage_error("nothing to look for");
    return all;
}

/// Where matches are, as it is at each match in a process.
class regions {
public:
    explicit regions(const vmio::any_memory& memory) : live_(memory.as<vmio::process_memory>()) {
        if (live_ == nullptr) map_ = tool::mapped_in(memory);
    }

    const vmio::memory_map& map() const { return map_; }
    vmio::mapping at(vmio::address match) const {
        if (live_ != nullptr) return vmio::query_mapping(live_->target(), match).value_or(vmio::mapping{});
        const vmio::mapping* const m = map_.find(match);
        return m != nullptr ? *m : vmio::mapping{};
    }

private:
    const vmio::process_memory* live_;
    vmio::memory_map map_;  // of any other memory, which does not change
};

/// What is there now: "7f3a2c001230 rw-p  00 00[73 65 63 72 65 74]0a 00  |..secret..|  [heap]".
void print(const vmio::any_memory& memory, const regions& mapped, vmio::address match, std::size_t size,
           std::size_t context) {
    constexpr std::size_t most = 64;  // of a match
    const vmio::address start = match - std::min<vmio::address>(match, context);
    std::vector<std::byte> bytes(match - start + (size > most ? most : size + context));
    const auto gaps = vmio::read_past_gaps(memory, start, bytes);
    std::string hex, text;
    for (std::size_t i = 0; i <= bytes.size(); ++i) {
        const vmio::address at = start + i;
        hex += at == match ? '[' : at == match + size ? ']' : ' ';
        if (i == bytes.size()) break;
        const auto byte = std::to_integer<unsigned char>(bytes[i]);
        const bool lost =
            std::any_of(gaps.begin(), gaps.end(), [&](const auto& gap) { return gap.range.contains(at); });
        hex += lost ? "--" : tool::hex(byte, 2);
        text += lost ? ' ' : byte >= ' ' && byte < 127 ? static_cast<char>(byte) : '.';
    }
    const vmio::mapping region = mapped.at(match);
    std::cout << tool::hex(match, 12) << ' ' << to_string(region.perms) << ' ' << hex << " |" << text << '|';
    if (!region.name.empty()) std::cout << "  " << tool::printable(region.name) << (region.deleted ? " (deleted)" : "");
    std::cout << '\n';
}

std::uint64_t at_least(std::uint64_t least, const char* option, const tool::options::variables_map& given) {
    const std::uint64_t value = tool::size_in_bytes(given[option].as<std::string>());
    if (value < least) throw tool::usage_error(std::string("--") + option + " is at least " + std::to_string(least));
    return value;
}

/// Some ranges of a memory that is not a process; counts what is read.
class counted_memory {
public:
    counted_memory(const vmio::any_memory& memory, std::vector<vmio::address_range> ranges, tool::progress_bar& bar)
        : memory_(memory), ranges_(std::move(ranges)), bar_(bar) {
        for (const vmio::address_range& range : stored_) total_ += range.size();
    }

    std::size_t read_some(vmio::address where, std::span<std::byte> to, std::error_code& ec) const noexcept {
        const std::size_t got = memory_.read_some(where, to, ec);
        read_ += got;
        if (bar_.shown()) bar_.draw(read_, total_);
        return got;
    }
    const std::vector<vmio::address_range>& ranges() const { return ranges_; }
    const std::vector<vmio::address_range>& stored() const { return stored_; }

private:
    const vmio::any_memory& memory_;
    const std::vector<vmio::address_range> ranges_;
    const std::vector<vmio::address_range> stored_ = memory_.stored();
    tool::progress_bar& bar_;
    std::uint64_t total_ = 0;
    mutable std::uint64_t read_ = 0;
};

int find_all(const tool::options::variables_map& given) {
    const auto all = wanted_patterns(given);
    const bool count = given.count("count") != 0;
    const std::uint64_t most = given.count("max") != 0 ? at_least(1, "max", given) : ~std::uint64_t{0};
    const std::size_t context = at_least(0, "context", given);
    if (context > most_context)
        throw tool::usage_error("no more context is printed than " + std::to_string(most_context) + " bytes");
    const auto threads = static_cast<unsigned>(at_least(1, "threads", given));
    const vmio::any_memory memory = tool::open_memory(given["MEMORY"].as<std::string>());
    const auto* const live = memory.as<vmio::process_memory>();
    if (live == nullptr && threads > 1) tool::refuse(memory, "is searched by one thread: leave out --threads");
    const regions mapped(memory);
    const bool named = given.count("region") != 0;
    const auto wanted_region = [part = named ? given["region"].as<std::string>() : ""](const vmio::mapping& m) {
        return m.name.find(part) != m.name.npos;
    };
    if (live == nullptr && named) tool::require_names(memory);
    tool::progress_bar bar(given.count("no-progress") == 0);
    vmio::search_options options;
    options.threads = threads;
    options.regions.within = memory.window();
    if (named) options.regions.wanted = wanted_region;
    if (bar.shown())
        options.progress = [&](const vmio::search_progress& now) { return bar.draw(now.searched, now.total), true; };
    std::vector<vmio::address_range> parts;
    if (live == nullptr) parts = tool::readable_parts(memory, mapped.map(), wanted_region);
    std::uint64_t matches = 0;
    for (const wanted& w : all) {
        if (matches == most) break;
        options.alignment = w.alignment;
        const auto found = [&](vmio::address at) {
            bar.clear();
            if (!count) print(memory, mapped, at, w.pattern.size(), context);
            if (bar.shown()) std::cout.flush();  // if that ends us, there is no bar left
            return ++matches < most && std::cout.good();
        };
        if (live != nullptr)
            vmio::search(*live, w.pattern, found, options);
        else
            vmio::search(counted_memory(memory, parts, bar), w.pattern, found, w.alignment);
    }
    bar.clear();
    if (count) std::cout << matches << '\n';
    return matches > 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    using tool::options::value;
    using texts = std::vector<std::string>;
    tool::command vmgrep{
        .usage = "[OPTION...] MEMORY [TEXT...]",
        .text =
            "Finds text, bytes and numbers in the memory of a process, or in any other memory, and\n"
            "prints for each place\n"
            "  ADDRESS PERMISSIONS  BYTES[MATCH]BYTES  |TEXT|  REGION\n"
            "in hexadecimal, with the bytes around it as they are when it is printed; -- is a byte\n"
            "that cannot be read. By address, one pattern after the other; as they come with --threads.\n" +
            tool::memory_text,
        .failure = tool::misused,
        .statuses = "0 found, 1 not found, 2 it could not be searched, or wrong usage"};
    vmgrep.offered.add_options()("hex,x", value<texts>(), "find bytes: '48 8b ?? 05', ? is any digit")(
        "u32", value<texts>(), "find a number of 32 bits at a multiple of 4")(
        "u64", value<texts>(), "find a number of 64 bits at a multiple of 8")(
        "region,r", value<std::string>(), "search only regions that have this in their name")(
        "count,c", "print only the number of matches")("max,m", value<std::string>(), "end after so many matches")(
        "context,C", value<std::string>()->default_value("8"), "print so many bytes before and after a match")(
        "threads,t", value<std::string>()->default_value("1"), "search a process with so many threads")(
        "no-progress", "draw no progress bar, even if errors go to a terminal");
    vmgrep.argument("MEMORY", value<std::string>()->required());
    vmgrep.argument("TEXT", value<texts>());
    vmgrep.order.add("TEXT", -1);
    return tool::run(std::move(vmgrep), argc, argv, find_all);
}
