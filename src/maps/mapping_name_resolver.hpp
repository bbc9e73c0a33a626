// SPDX-License-Identifier: BSL-1.0
/// What a mapping's file is really called, where the kernel's spelling leaves it open: see maps_text.hpp.
#pragma once

#include <optional>
#include <string>

#include <vmio/mapping.hpp>
#include <vmio/process.hpp>

namespace vmio::detail {

/// Asks the kernel for the name once more, or looks whether a path leads to the mapped file: by device and inode, which
/// nobody else has while it is mapped. Where neither can be known, the mapping stays as it is. Costs nothing for a name
/// that is clear, else one to ten system calls.
class mapping_name_resolver {
public:
    explicit mapping_name_resolver(const process& target) noexcept : target_(target) {}

    /// Of a mapping from the text. `maps` is the descriptor that it was read from.
    void resolve(mapping& m, int maps);
    /// Of one from PROCMAP_QUERY, which escapes nothing but marks deleted files in the same way.
    void resolve_deleted(mapping& m);

private:
    bool leads_to(const std::string& path, const mapping& m);
    bool same_paths();

    const process& target_;
    std::optional<bool> same_paths_;
};

}  // namespace vmio::detail
