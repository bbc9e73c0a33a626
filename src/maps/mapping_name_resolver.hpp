// SPDX-License-Identifier: BSL-1.0
/// The real name of a mapping's file, where the kernel's spelling is ambiguous: see maps_text.hpp.
#pragma once

#include <optional>
#include <string>

#include <vmio/mapping.hpp>
#include <vmio/process.hpp>

namespace vmio::detail {

/// Queries the kernel for the name again, or checks whether a path refers to the mapped file: by device and inode,
/// which are unique while the file is mapped. Where both are impossible, the mapping remains unchanged.
/// Cost: none for an unambiguous name, else one to ten system calls.
class mapping_name_resolver {
public:
    explicit mapping_name_resolver(const process& target) noexcept : target_(target) {}

    /// Resolves the name of a mapping from the text. `maps` is the descriptor that it was read from.
    void resolve(mapping& m, int maps);
    /// Resolves the name of a mapping from PROCMAP_QUERY, which escapes nothing, but marks deleted files in the same
    /// way.
    void resolve_deleted(mapping& m);

private:
    bool leads_to(const std::string& path, const mapping& m);
    bool same_paths();

    const process& target_;
    std::optional<bool> same_paths_;
};

}  // namespace vmio::detail
