// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <vmio/process_snapshot.hpp>

#include "base/file_descriptor.hpp"
#include "capture/capture_record.hpp"
#include "capture/region_layout.hpp"
#include "snapshot/snapshot_data.hpp"

namespace vmio {

/// The state that copies of a process_snapshot share.
struct VMIO_HIDDEN process_snapshot::state {
    /// `content` has the bytes of `record.stored` at the offsets given by `layout`.
    state(detail::capture_record record, detail::region_layout layout,
          std::shared_ptr<const detail::snapshot_data> content);

    /// `filled`: the same, a memfd that is not sealed yet.
    static process_snapshot holding(detail::capture_record record, detail::region_layout layout,
                                    detail::file_descriptor filled);
    static process_snapshot holding(detail::capture_record record, detail::region_layout layout,
                                    std::shared_ptr<const detail::snapshot_data> content) {
        return process_snapshot(
            std::make_shared<const state>(std::move(record), std::move(layout), std::move(content)));
    }

    /// Returns: the pages of `part` of the content, which share its file.
    std::shared_ptr<const detail::snapshot_data> part(std::uint64_t offset, std::uint64_t size) const;

    const detail::capture_record record;
    const detail::region_layout layout;
    const std::shared_ptr<const detail::snapshot_data> content;
    const std::vector<address_range> ranges;  // the regions, gaps excluded
};

}  // namespace vmio
