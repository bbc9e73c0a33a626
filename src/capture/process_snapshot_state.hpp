// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memory>
#include <vector>

#include <vmio/process_snapshot.hpp>

#include "base/file_descriptor.hpp"
#include "capture/capture_record.hpp"
#include "capture/region_layout.hpp"
#include "snapshot/sealed_memfd.hpp"

namespace vmio {

/// The state that copies of a process_snapshot share.
struct VMIO_HIDDEN process_snapshot::state {
    /// `filled` has the bytes of `record.stored` at the offsets given by `layout`.
    state(detail::capture_record record, detail::region_layout layout, detail::file_descriptor filled);

    static process_snapshot holding(detail::capture_record record, detail::region_layout layout,
                                    detail::file_descriptor filled) {
        return process_snapshot(std::make_shared<const state>(std::move(record), std::move(layout), std::move(filled)));
    }

    const detail::capture_record record;
    const detail::region_layout layout;
    const std::shared_ptr<const detail::sealed_memfd> file;
    const std::vector<address_range> ranges;  // the regions, gaps excluded
};

}  // namespace vmio
