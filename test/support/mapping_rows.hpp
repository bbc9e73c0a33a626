// SPDX-License-Identifier: BSL-1.0
/// The lists of what is mapped in a process, ours and the kernel's, in a form that can be compared.
#pragma once

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <ostream>
#include <sstream>
#include <string>
#include <vector>

#include <sys/types.h>

#include <boost/test/unit_test.hpp>

#include <vmio/address.hpp>

#include "processes/run_program.hpp"
#include "support/scratch.hpp"

namespace test {

/// A mapping, or the sum of all; sizes in bytes.
struct row {
    std::uint64_t start = 0, end = 0;
    std::string perms, file;  // the latter: offset, device, inode
    std::uint64_t size = 0, resident = 0, changed = 0, swapped = 0;
    std::string name;

    friend bool operator==(const row&, const row&) = default;
    friend std::ostream& operator<<(std::ostream& out, const row& r) {
        return out << std::hex << r.start << '-' << r.end << std::dec << ' ' << r.perms << ' ' << r.file << ' '
                   << r.size << ' ' << r.resident << ' ' << r.changed << ' ' << r.swapped << ' ' << r.name;
    }
};

inline void add(row& sum, const row& r) {
    sum.size += r.size;
    sum.resident += r.resident;
    sum.changed += r.changed;
    sum.swapped += r.swapped;
}

/// What the kernel says in /proc/PID/smaps; names as it writes them. The last one is the sum.
inline std::vector<row> rows_of_smaps(pid_t id) {
    std::ifstream smaps("/proc/" + std::to_string(id) + "/smaps");
    std::vector<row> rows;
    for (std::string line; std::getline(smaps, line);) {
        row r;
        char perms[5], file[64], key[32];
        int at = 0;
        std::uint64_t kib = 0;
        if (std::sscanf(line.c_str(), "%lx-%lx %4s %63[0-9a-f: ]%n", &r.start, &r.end, perms, file, &at) == 4) {
            r.perms = perms;
            std::istringstream fields(file);
            std::string offset, device, inode;
            fields >> offset >> device >> inode;
            r.file = std::to_string(std::stoull(offset, nullptr, 16)) + ' ' + device + ' ' + inode;
            r.name = line.substr(static_cast<std::size_t>(at));
            rows.push_back(r);
        } else if (std::sscanf(line.c_str(), "%31[^:]: %lu", key, &kib) == 2 && !rows.empty()) {
            row& last = rows.back();
            const std::string name = key;
            const bool is_private = last.perms[3] == 'p';
            if (name == "Size") last.size = kib * 1024;
            if (name == "Rss") last.resident = kib * 1024;
            if (name == "Anonymous" || (name == "Swap" && is_private)) last.changed += kib * 1024;
            if (name == "Swap" && is_private) last.swapped = kib * 1024;
        }
    }
    row sum;
    for (const row& r : rows) add(sum, r);
    rows.push_back(sum);
    return rows;
}

inline std::string as_the_kernel_writes(std::string name, bool deleted) {
    for (std::size_t at = 0; (at = name.find('\n', at)) != std::string::npos;) name.replace(at, 1, "\\012");
    return name + (deleted ? " (deleted)" : "");
}

/// What a strict reader of JSON finds: a line a mapping, and one of sums.
inline std::vector<row> rows_of_json(const std::string& json) {
    static const char* const script = R"(
import json, sys
def sizes(m):
    return "%d %d %d %d" % (m["size"], m["resident"], m["changed"], m["swapped"])
found = json.loads(open(sys.argv[1], "rb").read().decode("utf-8", "strict"))
for m in found["mappings"]:
    name = m["name"].encode("utf-8", "strict")
    if "name_bytes" in m:
        assert "\ufffd" in m["name"]
        name = bytes.fromhex(m["name_bytes"])
    print(int(m["start"], 16), int(m["end"], 16), m["permissions"], m["offset"], m["device"], m["inode"], sizes(m),
          int(m["deleted"]), "x" + name.hex())
print(0, 0, "sum", 0, 0, 0, sizes(found["total"]), 0, "x")
assert found["page_size"] == int(sys.argv[2]) and found["process"] > 0
)";
    const scratch_directory directory;
    const std::string file = directory / "json";
    std::ofstream(file, std::ios::binary) << json;
    const program_result python = run_program({"python3", "-c", script, file, std::to_string(vmio::page_size())});
    BOOST_REQUIRE_MESSAGE(python.status == 0, python.err);
    std::vector<row> rows;
    std::istringstream lines(python.out);
    for (std::string line; std::getline(lines, line);) {
        row r;
        std::istringstream in(line);
        std::string offset, device, inode, hex, name;
        bool deleted = false;
        in >> r.start >> r.end >> r.perms >> offset >> device >> inode >> r.size >> r.resident >> r.changed >>
            r.swapped >> deleted >> hex;
        if (r.perms == "sum")
            r.perms.clear();
        else
            r.file = offset + ' ' + device + ' ' + inode;
        for (std::size_t i = 1; i < hex.size(); i += 2)
            name += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
        r.name = as_the_kernel_writes(name, deleted);
        rows.push_back(r);
    }
    return rows;
}

/// \ooo: a byte.
inline std::string undone(const std::string& printed) {
    std::string bytes;
    for (std::size_t i = 0; i < printed.size(); ++i)
        if (printed[i] == '\\') {
            bytes += static_cast<char>(std::stoi(printed.substr(i + 1, 3), nullptr, 8));
            i += 3;
        } else {
            bytes += printed[i];
        }
    return bytes;
}

/// What the list says, without what only JSON has.
inline std::vector<row> rows_of_list(const std::string& text) {
    std::vector<row> rows;
    std::istringstream lines(text);
    std::string line;
    std::getline(lines, line);
    BOOST_TEST(line == "range                     perm       KiB  resident   changed   swapped  name");
    while (std::getline(lines, line)) {
        row r;
        char perms[5] = "";
        int at = 0;
        if (std::sscanf(line.c_str(), "%lx-%lx %4s %lu %lu %lu %lu%n", &r.start, &r.end, perms, &r.size, &r.resident,
                        &r.changed, &r.swapped, &at) != 7)
            BOOST_TEST(std::sscanf(line.c_str(), "total %lu %lu %lu %lu%n", &r.size, &r.resident, &r.changed,
                                   &r.swapped, &at) == 4);
        r.perms = perms;
        for (std::uint64_t* size : {&r.size, &r.resident, &r.changed, &r.swapped}) *size *= 1024;
        const std::string rest = line.substr(static_cast<std::size_t>(at));
        if (!rest.empty()) BOOST_TEST(rest.starts_with("  "));
        if (!rest.empty()) r.name = as_the_kernel_writes(undone(rest.substr(2)), false);
        rows.push_back(r);
    }
    return rows;
}

}  // namespace test
