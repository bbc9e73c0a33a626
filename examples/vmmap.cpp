// SPDX-License-Identifier: BSL-1.0
/// What is mapped in a process, and how much of it is in memory, was changed, is swapped out; or in any other memory.
#include <iomanip>
#include <iostream>
#include <limits>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <vmio/error.hpp>
#include <vmio/memory_map.hpp>
#include <vmio/page_map.hpp>
#include <vmio/smaps.hpp>

#include "memory_argument.hpp"
#include "memory_picture.hpp"
#include "text.hpp"
#include "tool.hpp"

namespace {

/// In bytes.
struct usage {
    std::uint64_t size = 0, resident = 0, changed = 0, swapped = 0;
    std::uint64_t readable = 0;  // only counted where nothing is known of pages

    usage& operator+=(const usage& other) {
        size += other.size;
        resident += other.resident;
        changed += other.changed;
        swapped += other.swapped;
        readable += other.readable;
        return *this;
    }
};

struct findings {
    bool of_process = true;
    pid_t id = 0;
    vmio::memory_map map;
    std::vector<usage> used;  // of each mapping
    usage total;
    std::vector<vmio::page_run> pages;  // if kept
    std::error_code pages_refused;
    bool zeros_look_written = false;  // in `pages`
};

/// The kernel's own sums, where its page tables do not tell the page of zeros, which belongs to no process.
void count_by_sums(const vmio::process& target, findings& found) {
    for (const vmio::smaps_entry& e : vmio::read_smaps(target)) {
        const vmio::mapping* const m = found.map.find(e.range.start());
        if (m == nullptr) continue;
        const std::uint64_t huge = e.shared_hugetlb + e.private_hugetlb;
        usage u{.size = 0, .resident = e.rss + huge};
        if (!m->perms.shared) {
            u.changed = e.anonymous + e.swap + huge;
            u.swapped = e.swap;
        }
        found.used[static_cast<std::size_t>(m - std::to_address(found.map.begin()))] += u;
    }
}

/// A memory without page tables.
findings look_at(const vmio::any_memory& memory) {
    findings found;
    found.of_process = false;
    found.id = memory.process_id();
    found.map = tool::mapped_in(memory);
    const std::vector<vmio::address_range> readable = memory.ranges();
    auto r = readable.begin();
    for (const vmio::mapping& m : found.map) {
        usage u{.size = m.range.size()};
        while (r != readable.end() && r->end() <= m.range.start()) ++r;
        for (auto part = r; part != readable.end() && part->start() < m.range.end(); ++part)
            u.readable += m.range.intersection(*part).size();
        found.used.push_back(u);
        found.total += u;
    }
    return found;
}

findings look_at(const vmio::process& target, bool keep_pages) {
    using enum vmio::page_state;
    findings found;
    found.id = target.id();
    // Opened before the list is: so it notices a program that takes the place of this one in between.
    const vmio::page_map tables(target, found.pages_refused);
    found.map = vmio::memory_map::load(target);
    for (const vmio::mapping& m : found.map) found.used.push_back({.size = m.range.size()});
    auto count = [&, m = found.map.begin()](const vmio::page_run& run) mutable {
        while (m != found.map.end() && m->range.end() <= run.range.start()) ++m;
        for (auto part = m; part != found.map.end() && part->range.start() < run.range.end(); ++part) {
            const std::uint64_t bytes = part->range.intersection(run.range).size();
            found.used[static_cast<std::size_t>(part - found.map.begin())] +=
                {.resident = tool::is_resident(run) ? bytes : 0,
                 .changed = has(run.state, changed) ? bytes : 0,
                 .swapped = has(run.state, swapped) ? bytes : 0};
        }
        if (keep_pages) found.pages.push_back(run);
    };
    constexpr vmio::address_range everything(0, std::numeric_limits<vmio::address>::max());
    if (!found.pages_refused) {
        found.zeros_look_written = has(tables.unreported(), zero_page);
        if (keep_pages || !found.zeros_look_written)
            tables.scan(everything, present | zero_page | changed | swapped, count);
    }
    if (found.zeros_look_written) {
        for (usage& u : found.used) u = {.size = u.size};
        count_by_sums(target, found);
    }
    for (const usage& u : found.used) found.total += u;
    return found;
}

/// What the reader of the lists must know.
void print_notes(const findings& found) {
    if (found.pages_refused)
        std::cerr << "vmmap: not known: what is resident, changed and swapped: "
                  << vmio::memory_error("open of /proc/PID/pagemap", found.id, 0, found.pages_refused).what() << '\n';
    if (found.zeros_look_written && !found.pages.empty())
        std::cerr << "vmmap: not known: which pages were only read and hold zeros; in the picture they are resident\n";
    if (found.map.torn()) std::cerr << "vmmap: it maps and unmaps too fast: the list is of several moments\n";
    for (const std::string& line : found.map.malformed_lines())
        std::cerr << "vmmap: left out, a line that makes no sense: " << tool::printable(line) << '\n';
}

void print_row(const std::string& range, const std::string& perms, const usage& u, const findings& found) {
    const auto column = [](std::uint64_t bytes, bool known) {
        std::cout << ' ' << std::setw(9) << (known ? std::to_string(bytes / 1024) : "-");
    };
    std::cout << std::left << std::setw(25) << range << ' ' << std::setw(4) << perms << std::right;
    column(u.size, true);
    if (!found.of_process) return column(u.readable, true);
    for (const std::uint64_t bytes : {u.resident, u.changed, u.swapped}) column(bytes, !found.pages_refused);
}

void print_list(const findings& found) {
    std::cout << "range                     perm       KiB  "
              << (found.of_process ? "resident   changed   swapped  name\n" : "readable  name\n");
    for (std::size_t i = 0; i < found.map.size(); ++i) {
        const vmio::mapping& m = found.map.begin()[i];
        print_row(tool::hex(m.range.start(), 12) + '-' + tool::hex(m.range.end(), 12), to_string(m.perms),
                  found.used[i], found);
        if (!m.name.empty()) std::cout << "  " << tool::printable(m.name);
        std::cout << (m.deleted ? " (deleted)\n" : "\n");
    }
    print_row("total", "", found.total, found);
    std::cout << '\n';
}

void print_json(const findings& found) {
    const bool pages_known = found.of_process && !found.pages_refused;
    const auto print = [&](const usage& u) {
        const auto number = [&](const char* name, std::uint64_t bytes, bool known) {
            std::cout << ", \"" << name << "\": " << (known ? std::to_string(bytes) : "null");
        };
        std::cout << "\"size\": " << u.size;
        number("resident", u.resident, pages_known);
        number("changed", u.changed, pages_known);
        number("swapped", u.swapped, pages_known);
        if (!found.of_process) number("readable", u.readable, true);
    };
    std::cout << "{\"process\": " << found.id << ", \"page_size\": " << vmio::page_size() << ", \"mappings\": [";
    for (std::size_t i = 0; i < found.map.size(); ++i) {
        const vmio::mapping& m = found.map.begin()[i];
        std::cout << (i == 0 ? "\n" : ",\n") << "{\"start\": \"0x" << tool::hex(m.range.start()) << "\", \"end\": \"0x"
                  << tool::hex(m.range.end()) << "\", \"permissions\": \"" << to_string(m.perms) << "\", ";
        print(found.used[i]);
        std::cout << ", \"offset\": " << m.offset << ", \"device\": \"" << tool::hex(m.device_major, 2) << ':'
                  << tool::hex(m.device_minor, 2) << "\", \"inode\": " << m.inode
                  << ", \"name\": " << tool::json_string(m.name);
        if (!tool::is_utf8(m.name)) std::cout << ", \"name_bytes\": " << tool::json_hex(m.name);
        std::cout << ", \"deleted\": " << (m.deleted ? "true}" : "false}");
    }
    std::cout << "],\n\"total\": {";
    print(found.total);
    std::cout << "}}\n";
}

void print_picture(const findings& found) {
    const usage& all = found.total;
    tool::memory_picture(found.map, found.pages, {tool::terminal_columns(), tool::locale_is_utf8()}).draw(std::cout);
    std::string line = std::to_string(found.map.size()) + " mappings of " + tool::size_text(all.size);
    const auto add = [&](const std::string& part) {
        if (line.size() + part.size() > tool::terminal_columns()) {
            std::cout << line.substr(0, line.find_last_not_of(' ') + 1) << '\n';
            line = "  ";
        }
        line += part;
    };
    if (!found.pages_refused) {
        line += ": ";
        add(tool::size_text(all.resident) + " resident, ");
        add(tool::size_text(all.changed) + " changed, ");
        add(tool::size_text(all.swapped) + " swapped");
    }
    std::cout << line << '\n';
}

}  // namespace

int main(int argc, char** argv) {
    tool::command vmmap{.usage = "[--picture | --json] MEMORY",
                        .text =
                            "Lists what is mapped in a process, in KiB, without disturbing it.\n"
                            "  resident  in memory\n"
                            "  changed   private, and written to: in memory or swapped\n"
                            "  swapped   in a swap area; of private memory only\n"
                            "A dash: not known. In a name, \\ooo is a byte that cannot be printed, in octal.\n"
                            "Of any other memory it lists how much can be read: readable. A process has no window.\n" +
                            tool::memory_text};
    vmmap.offered.add_options()("picture,p", "draw the address space")(
        "json,j",
        "print JSON, in bytes; addresses are strings. A name that is not UTF-8 has U+FFFD for each wrong byte, and "
        "all of its bytes in hexadecimal in name_bytes");
    vmmap.argument("MEMORY", tool::options::value<std::string>()->required());
    return tool::run(std::move(vmmap), argc, argv, [](const tool::options::variables_map& given) {
        const bool picture = given.count("picture") != 0;
        const bool json = given.count("json") != 0;
        if (picture && json) throw tool::usage_error("--picture or --json, not both");
        const auto spelling = given["MEMORY"].as<std::string>();
        const auto look = [&] {
            if (const auto target = tool::open_process(spelling)) return look_at(*target, picture);
            if (picture) tool::require_process(spelling, "has no resident pages to draw: leave out --picture");
            return look_at(tool::open_memory(spelling));
        };
        const findings found = look();
        print_notes(found);
        picture ? print_picture(found) : json ? print_json(found) : print_list(found);
        return tool::done;
    });
}
