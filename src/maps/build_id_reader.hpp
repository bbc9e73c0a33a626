// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <vmio/memory_map.hpp>
#include <vmio/process_memory.hpp>

#include "maps/elf_build_id.hpp"

namespace vmio::detail {

/// Build ids of many mappings of a process that does not change meanwhile. A malicious file may have any number of
/// headers, and a paused target waits: hence the reads of all files together have a budget. Once it is exhausted, no
/// more build ids are found.
class build_id_reader {
public:
    explicit build_id_reader(process target) : target_(std::move(target)) {}

    /// As vmio::build_id().
    std::vector<std::byte> read(const mapping& m);
    /// The same; empty if the id could only be read from memory, and reading the memory, though not the maps, is
    /// refused.
    std::vector<std::byte> read_permitted(const mapping& m);

private:
    /// Includes the name, since two subvolumes of btrfs may share the device and inode numbers.
    using file_key = std::tuple<std::uint32_t, std::uint32_t, std::uint64_t, std::string>;
    static file_key key_of(const mapping& m) { return {m.device_major, m.device_minor, m.inode, m.name}; }

    std::vector<std::byte> by_any_means(const mapping& m);
    std::vector<std::byte> from_kernel(const mapping& m) const;
    std::vector<std::byte> from_memory(const mapping& m, bool only_present);
    std::optional<address> image_base(const mapping& m);
    template <class M>
    std::vector<std::byte> from(const M& memory, address base, elf_layout layout);

    process target_;
    std::optional<std::map<file_key, std::vector<address>>> bases_;  // where first bytes of files are mapped, ascending
    std::optional<process_memory> memory_;
    read_budget budget_{std::uint64_t{16} << 20};
    mutable std::chrono::steady_clock::duration time_of_kernel_{};
};

}  // namespace vmio::detail
