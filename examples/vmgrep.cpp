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
#include "search_patterns.hpp"
#include "text.hpp"
#include "tool.hpp"

namespace {

constexpr std::size_t most_context = std::size_t{1} << 16;

std::vector<std::string> all_of(const tool::options::variables_map& given, const char* option) {
    return given.count(option) != 0 ? given[option].as<std::vector<std::string>>() : std::vector<std::string>();
}

std::vector<tool::wanted_pattern> wanted_patterns(const tool::options::variables_map& given,
                                                  const std::vector<std::string>& texts) {
    std::vector<tool::wanted_pattern> all;
    const tool::text_options how{given.count("ignore-case") != 0, given.count("utf16") != 0};
    const auto add = [&](const std::vector<std::string>& words, auto&& parse) {
        for (const auto& text : words) try {
                all.push_back(parse(text));
            } catch (const std::invalid_argument& e) {
                const std::string_view why = e.what();
                throw tool::usage_error('\'' + text + "\': " + std::string(why.substr(why.find(": ") + 2)));
            }
    };
    const auto as_text = [&](const std::string& text) { return tool::wanted_pattern{tool::text_pattern(text, how)}; };
    add(texts, as_text);
    add(all_of(given, "text"), as_text);
    for (const std::string& file : all_of(given, "file")) add(tool::lines_of_file(file), as_text);
    add(all_of(given, "hex"),
        [](const std::string& text) { return tool::wanted_pattern{vmio::byte_pattern::hex(text)}; });
    add(all_of(given, "u32"), tool::number_pattern<std::uint32_t>);
    add(all_of(given, "u64"), tool::number_pattern<std::uint64_t>);
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

/// How a match is printed.
struct match_style {
    std::size_t context = 8;
    bool json = false;
    bool color = false;
    std::string before{};  // the name of one of several memories
};

/// {"memory": "1234", "address": "0x7f3a2c001230", "size": 6, "permissions": "rw-p", "region": "[heap]", "bytes":
/// "7365"}
void print_json(const vmio::any_memory& memory, const vmio::mapping& region, vmio::address match, std::size_t size) {
    std::vector<std::byte> bytes(size);
    vmio::read_past_gaps(memory, match, bytes);
    std::cout << "{\"memory\": " << tool::json_string(memory.name()) << ", \"address\": \"0x" << tool::hex(match)
              << "\", \"size\": " << size << ", \"permissions\": \"" << to_string(region.perms)
              << "\", \"region\": " << tool::json_string(region.name)
              << ", \"bytes\": " << tool::json_hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()})
              << "}\n";
}

/// What is there now: "7f3a2c001230 rw-p  00 00[73 65 63 72 65 74]0a 00  |..secret..|  [heap]".
void print(const vmio::any_memory& memory, const regions& mapped, vmio::address match, std::size_t size,
           const match_style& style) {
    constexpr std::size_t most = 64;  // of a match
    const vmio::mapping region = mapped.at(match);
    if (style.json) return print_json(memory, region, match, size);
    const char* const lit = style.color ? "\033[1;31m" : "";
    const char* const unlit = style.color ? "\033[m" : "";
    const vmio::address start = match - std::min<vmio::address>(match, style.context);
    std::vector<std::byte> bytes(match - start + (size > most ? most : size + style.context));
    const auto gaps = vmio::read_past_gaps(memory, start, bytes);
    std::string hex, text;
    for (std::size_t i = 0; i <= bytes.size(); ++i) {
        const vmio::address at = start + i;
        for (std::string* const part : {&hex, &text}) *part += at == match ? lit : at == match + size ? unlit : "";
        hex += at == match ? '[' : at == match + size ? ']' : ' ';
        if (i == bytes.size()) break;
        const auto byte = std::to_integer<unsigned char>(bytes[i]);
        const bool lost =
            std::any_of(gaps.begin(), gaps.end(), [&](const auto& gap) { return gap.range.contains(at); });
        hex += lost ? "--" : tool::hex(byte, 2);
        text += lost ? ' ' : byte >= ' ' && byte < 127 ? static_cast<char>(byte) : '.';
    }
    if (size > most) hex += unlit, text += unlit;
    std::cout << style.before << tool::hex(match, 12) << ' ' << to_string(region.perms) << ' ' << hex << " |" << text
              << '|';
    if (!region.name.empty()) std::cout << "  " << tool::printable(region.name) << (region.deleted ? " (deleted)" : "");
    std::cout << '\n';
}

std::uint64_t at_least(std::uint64_t least, const char* option, const tool::options::variables_map& given) {
    const std::uint64_t value = tool::number(given[option].as<std::string>());
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

/// What is asked of each memory.
struct search_request {
    std::vector<tool::wanted_pattern> patterns;
    match_style style;
    bool count = false;
    std::uint64_t most = 0;
    unsigned threads = 1;
    std::string region;  // empty: any
    bool progress = false;
};

/// The number of matches. One pattern after the other: to be replaced by a search for a set of patterns.
std::uint64_t find_in(const vmio::any_memory& memory, const search_request& asked) {
    const auto* const live = memory.as<vmio::process_memory>();
    if (live == nullptr && asked.threads > 1) tool::refuse(memory, "is searched by one thread: leave out --threads");
    const regions mapped(memory);
    const bool named = !asked.region.empty();
    const auto wanted_region = [part = asked.region](const vmio::mapping& m) {
        return m.name.find(part) != m.name.npos;
    };
    if (live == nullptr && named) tool::require_names(memory);
    tool::progress_bar bar(asked.progress);
    vmio::search_options options;
    options.threads = asked.threads;
    options.regions.within = memory.window();
    if (named) options.regions.wanted = wanted_region;
    if (bar.shown())
        options.progress = [&](const vmio::search_progress& now) { return bar.draw(now.searched, now.total), true; };
    std::vector<vmio::address_range> parts;
    if (live == nullptr) parts = tool::readable_parts(memory, mapped.map(), wanted_region);
    std::uint64_t matches = 0;
    for (const tool::wanted_pattern& w : asked.patterns) {
        if (matches == asked.most) break;
        options.alignment = w.alignment;
        const auto found = [&](vmio::address at) {
            bar.clear();
            if (!asked.count) print(memory, mapped, at, w.pattern.size(), asked.style);
            if (bar.shown()) std::cout.flush();  // if that ends us, there is no bar left
            return ++matches < asked.most && std::cout.good();
        };
        if (live != nullptr)
            vmio::search(*live, w.pattern, found, options);
        else
            vmio::search(counted_memory(memory, parts, bar), w.pattern, found, w.alignment);
    }
    bar.clear();
    if (asked.count) std::cout << asked.style.before << matches << '\n';
    return matches;
}

int find_all(const tool::options::variables_map& given) {
    // As of grep: with -e or -f there is no TEXT.
    const bool only_memories = given.count("text") + given.count("file") != 0;
    std::vector<std::string> memories{given["MEMORY"].as<std::string>()};
    std::vector<std::string> texts = all_of(given, "TEXT");
    if (only_memories) memories.insert(memories.end(), texts.begin(), texts.end()), texts.clear();
    search_request asked;
    asked.patterns = wanted_patterns(given, texts);
    asked.count = given.count("count") != 0;
    asked.most = given.count("max") != 0 ? at_least(1, "max", given) : ~std::uint64_t{0};
    asked.style.context = at_least(0, "context", given);
    asked.style.json = given.count("json") != 0;
    asked.style.color = tool::wants_color(given);
    if (asked.style.json && asked.count) throw tool::usage_error("--json or --count, not both");
    if (asked.style.context > most_context)
        throw tool::usage_error("no more context is printed than " + std::to_string(most_context) + " bytes");
    asked.threads = static_cast<unsigned>(at_least(1, "threads", given));
    if (given.count("region") != 0) asked.region = given["region"].as<std::string>();
    asked.progress = given.count("no-progress") == 0;
    bool any = false;
    bool failed = false;
    for (const std::string& spelling : memories) try {
            const vmio::any_memory memory = tool::open_memory(spelling);
            if (memories.size() > 1) asked.style.before = tool::printable(spelling) + ": ";
            any |= find_in(memory, asked) > 0;
        } catch (const std::runtime_error& e) {
            if (memories.size() == 1) throw;
            std::cerr << "vmgrep: " << tool::printable_message(e.what()) << '\n';
            failed = true;
        }
    return failed ? tool::misused : any ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    using tool::options::value;
    using texts = std::vector<std::string>;
    tool::command vmgrep{
        .usage = "[OPTION...] MEMORY [TEXT...]\n[OPTION...] -e TEXT | -f FILE MEMORY...",
        .text =
            "Finds text, bytes and numbers in the memory of a process, or in any other memory, and\n"
            "prints for each place\n"
            "  ADDRESS PERMISSIONS  BYTES[MATCH]BYTES  |TEXT|  REGION\n"
            "in hexadecimal, with the bytes around it as they are when it is printed; -- is a byte\n"
            "that cannot be read. By address, one pattern after the other; as they come with --threads.\n"
            "With --json, a line for each: {\"memory\": MEMORY, \"address\": \"0x...\", \"size\": BYTES,\n"
            "\"permissions\": \"rw-p\", \"region\": NAME, \"bytes\": \"HEXADECIMAL\"}\n" +
            tool::memory_text,
        .failure = tool::misused,
        .statuses = "0 found, 1 not found, 2 it could not be searched, or wrong usage"};
    vmgrep.offered.add_options()("text,e", value<texts>(), "find this text, too; then all arguments are memories")(
        "file,f", value<texts>(), "find each line of this file, or of the standard input for -")(
        "ignore-case,i", "find text in capital and small letters of ASCII")(
        "utf16", "find text in UTF-16, little-endian, as Java and .NET have it")(
        "hex,x", value<texts>(), "find bytes: '48 8b ?? 05', ? is any digit")(
        "u32", value<texts>(), "find a number of 32 bits at a multiple of 4")(
        "u64", value<texts>(), "find a number of 64 bits at a multiple of 8")(
        "region,r", value<std::string>(), "search only regions that have this in their name")(
        "count,c", "print only the number of matches")("max,m", value<std::string>(), "end after so many matches")(
        "context,C", value<std::string>()->default_value("8"), "print so many bytes before and after a match")(
        "threads,t", value<std::string>()->default_value("1"), "search a process with so many threads")(
        "json", "print a line of JSON for each match")(
        "color", value<std::string>()->default_value("auto")->implicit_value("always"),
        "mark matches: always, never, or auto: on a terminal")("no-progress",
                                                               "draw no progress bar, even if errors go to a terminal");
    vmgrep.argument("MEMORY", value<std::string>()->required());
    vmgrep.argument("TEXT", value<texts>());
    vmgrep.order.add("TEXT", -1);
    return tool::run(std::move(vmgrep), argc, argv, find_all);
}
