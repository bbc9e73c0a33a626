// SPDX-License-Identifier: BSL-1.0
#include "open/memory_spelling.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <utility>
#include <vector>

namespace vmio::detail {
namespace {

struct named_kind {
    std::string_view prefix;
    memory_kind kind;
};
constexpr std::array<named_kind, 7> kinds{{{"pid", memory_kind::process},
                                           {"comm", memory_kind::program},
                                           {"proc", memory_kind::foreign_proc},
                                           {"core", memory_kind::core},
                                           {"snapshot", memory_kind::snapshot},
                                           {"raw", memory_kind::raw},
                                           {"gdb", memory_kind::remote}}};

[[noreturn]] void refuse(std::string_view spelling, const std::string& problem) {
    throw std::invalid_argument("vmio::open_memory: '" + std::string(spelling) + "': " + problem);
}

bool exists(std::string_view path) {
    std::error_code ec;
    return std::filesystem::exists(path, ec);
}

/// Returns: nothing unless `text` is one number of at most 64 bits, decimal, or hexadecimal with 0x.
std::optional<std::uint64_t> number(std::string_view text) {
    int base = 10;
    if (text.starts_with("0x") || text.starts_with("0X")) {
        text.remove_prefix(2);
        base = 16;
    }
    std::uint64_t value = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (ec != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

/// Returns: nothing unless `text` is a number with or without a unit, and the product has at most 64 bits.
std::optional<std::uint64_t> size_in_bytes(std::string_view text) {
    constexpr std::string_view units = "KMGT";
    unsigned shift = 0;
    if (!text.empty()) {
        const std::size_t unit = units.find(text.back());
        if (unit != units.npos) {
            shift = 10 * static_cast<unsigned>(unit + 1);
            text.remove_suffix(1);
        }
    }
    const auto value = number(text);
    if (!value || *value > std::numeric_limits<std::uint64_t>::max() >> shift) return std::nullopt;
    return *value << shift;
}

/// Returns: nothing unless `text` is START-END or START+SIZE.
std::optional<address_range> range(std::string_view text) {
    const std::size_t sign = text.find_first_of("-+");
    if (sign == text.npos) return std::nullopt;
    const auto start = number(text.substr(0, sign));
    const std::string_view rest = text.substr(sign + 1);
    const auto other = text[sign] == '-' ? number(rest) : size_in_bytes(rest);
    if (!start || !other) return std::nullopt;
    if (text[sign] == '-') return *other < *start ? std::nullopt : std::optional(address_range(*start, *other));
    if (*other > std::numeric_limits<address>::max() - *start) return std::nullopt;
    return address_range::of_size(*start, *other);
}

pid_t process_id(std::string_view spelling, std::string_view digits) {
    const auto id = number(digits);
    if (digits.starts_with("0x") || !id || *id == 0 || *id > std::numeric_limits<pid_t>::max())
        refuse(spelling, "a PID is a decimal number from 1 on, as in 'pid:1234'; a program is named by 'comm:NAME'");
    return static_cast<pid_t>(*id);
}

/// Takes apart FILE or FILE@ADDRESS.
void take_start(std::string_view spelling, memory_spelling& of) {
    const std::size_t at = of.text.rfind('@');
    if (at == of.text.npos || exists(of.text)) return;
    const auto start = number(std::string_view(of.text).substr(at + 1));
    if (!start) refuse(spelling, "what follows '@' is no address, as in 'raw:FILE@0x10000'");
    of.start = *start;
    of.text.resize(at);
}

/// Returns: the number of bytes to insert, remove or replace to make `b` of `a`.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i + 1);
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = std::exchange(row[j + 1], std::min({replaced, row[j] + 1, row[j + 1] + 1}));
        }
    }
    return row.back();
}

[[noreturn]] void refuse_kind(std::string_view spelling, std::string_view kind, std::string_view rest) {
    const auto nearest = std::min_element(kinds.begin(), kinds.end(), [&](const named_kind& a, const named_kind& b) {
        return edit_distance(kind, a.prefix) < edit_distance(kind, b.prefix);
    });
    std::string problem = "no file, and no kind of memory is called '" + std::string(kind) + "'";
    if (edit_distance(kind, nearest->prefix) <= 2)
        problem += "; did you mean '" + std::string(nearest->prefix) + ':' + std::string(rest) + "'?";
    else
        problem += "; the kinds are pid, comm, proc, core, snapshot, raw and gdb, as in 'core:FILE'";
    refuse(spelling, problem);
}

memory_spelling parse_without_window(std::string_view spelling) {
    memory_spelling found;
    if (spelling.empty()) refuse(spelling, "empty; a process is named by its PID, a file by its path");
    if (spelling == "self" || spelling == "/proc/self") {
        found.kind = memory_kind::self;
        return found;
    }
    constexpr std::string_view proc = "/proc/";
    const std::string_view below_proc = spelling.starts_with(proc) ? spelling.substr(proc.size()) : spelling;
    if (number(below_proc)) {
        found.kind = memory_kind::process;
        found.process_id = process_id(spelling, below_proc);
        return found;
    }
    found.text = spelling;
    const std::size_t colon = spelling.find(':');
    if (colon == spelling.npos) {
        if (!exists(spelling) && spelling.find('/') == spelling.npos)
            refuse(spelling, "no such file; a process with this name is 'comm:" + std::string(spelling) + "'");
        return found;
    }
    const std::string_view kind = spelling.substr(0, colon);
    const std::string_view rest = spelling.substr(colon + 1);
    const auto known = std::find_if(kinds.begin(), kinds.end(), [&](const named_kind& k) { return k.prefix == kind; });
    if (known == kinds.end()) {
        if (!exists(spelling) && kind.find('/') == kind.npos) refuse_kind(spelling, kind, rest);
        return found;
    }
    if (rest.empty()) refuse(spelling, "nothing follows '" + std::string(kind) + ":'");
    found.kind = known->kind;
    found.text = rest;
    if (found.kind == memory_kind::process) found.process_id = process_id(spelling, rest);
    if (found.kind == memory_kind::raw) take_start(spelling, found);
    return found;
}

}  // namespace

memory_spelling parse_memory_spelling(std::string_view spelling) {
    const std::size_t mark = spelling.rfind('#');
    if (mark == spelling.npos || exists(spelling) || exists(spelling.substr(spelling.find(':') + 1)))
        return parse_without_window(spelling);
    const auto window = range(spelling.substr(mark + 1));
    if (!window)
        refuse(spelling, "what follows '#' is no range, as in '#0x1000-0x2000' or '#0x1000+4K'; and no such file");
    memory_spelling found = parse_without_window(spelling.substr(0, mark));
    found.window = window;
    return found;
}

}  // namespace vmio::detail
