// SPDX-License-Identifier: BSL-1.0
/// libFuzzer on the text of /proc/PID/smaps. The inputs in smaps_text/ are tried first; one that once failed stays
/// there.
#include <algorithm>
#include <limits>
#include <vector>

#include <fcntl.h>

#include "fuzzing.hpp"
#include "maps/smaps_text.hpp"

using fuzz::must;

namespace {

std::vector<vmio::smaps_entry> parse(int file, const vmio::address_range& range) {
    vmio::detail::line_reader lines(file);
    auto entries = vmio::detail::parse_smaps(lines, range);
    must(!lines.error());
    return entries;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const fuzz::memory_file file(std::as_bytes(std::span(data, size)));
    const vmio::detail::file_descriptor text(::open(file.path().c_str(), O_RDONLY | O_CLOEXEC));
    must(static_cast<bool>(text));
    const auto all = parse(text.get(), {0, std::numeric_limits<vmio::address>::max()});
    vmio::address end = 0;
    for (const vmio::smaps_entry& entry : all) {
        must(!entry.range.empty() && entry.range.start() >= end);
        end = entry.range.end();
        must(vmio::vm_flags(entry.flags.codes()) == entry.flags);
    }
    must(static_cast<std::size_t>(std::count(data, data + size, '\n')) >= all.size());
    if (all.empty()) return 0;
    const vmio::address_range part = all[all.size() / 2].range;
    for (const vmio::smaps_entry& entry : parse(text.get(), part)) must(entry.range.overlaps(part));
    must(parse(text.get(), {0, 0}).empty());
    return 0;
}
