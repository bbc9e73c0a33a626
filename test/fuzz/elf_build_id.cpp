// SPDX-License-Identifier: BSL-1.0
/// libFuzzer on the search for a build id in an ELF file or image. The inputs in elf_build_id/ are tried first; one
/// that once failed stays there.
#include <algorithm>
#include <vector>

#include "fuzzing.hpp"
#include "maps/elf_build_id.hpp"

using fuzz::must;
using vmio::detail::elf_layout;

namespace {

constexpr std::uint64_t budget = std::uint64_t{1} << 20;
constexpr std::size_t most_at_once = std::size_t{64} << 10;

/// With the budget of a capture, on a smaller scale: the number of headers is foreign.
std::vector<std::byte> find(std::span<const std::byte> bytes, elf_layout layout) {
    vmio::detail::read_budget left{budget};
    std::uint64_t reads = 0;
    const auto id = vmio::detail::elf_build_id(
        [&](std::uint64_t offset, std::span<std::byte> to) {
            must(!to.empty() && to.size() <= most_at_once);
            ++reads;
            if (!left.take(to.size()) || offset > bytes.size() || to.size() > bytes.size() - offset) return false;
            std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), to.size(), to.begin());
            return true;
        },
        layout);
    must(reads < 2 * 65536 + 2);
    return id;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = std::as_bytes(std::span(data, size));
    for (const elf_layout layout : {elf_layout::file, elf_layout::memory}) {
        const std::vector<std::byte> id = find(bytes, layout);
        must(id.size() <= 64);
        must(std::search(bytes.begin(), bytes.end(), id.begin(), id.end()) != bytes.end() || id.empty());
        // Whatever lies behind a file that is intact does not matter.
        if (id.empty()) continue;
        std::vector<std::byte> longer(bytes.begin(), bytes.end());
        longer.resize(bytes.size() + 100);
        must(find(longer, layout) == id);
    }
    return 0;
}
