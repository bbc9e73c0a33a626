// SPDX-License-Identifier: BSL-1.0
#include <vmio/cow_view.hpp>

#include <vmio/snapshot.hpp>

#include "snapshot/cow_mapping.hpp"

namespace vmio {

cow_view::cow_view(std::unique_ptr<mapping> m) noexcept
    : view_bytes(m->bytes().data(), m->size()), mapping_(std::move(m)) {}
cow_view::cow_view(cow_view&&) noexcept = default;
cow_view& cow_view::operator=(cow_view&&) noexcept = default;
cow_view::~cow_view() = default;

void cow_view::protect(std::size_t offset, std::size_t size, protection allowed) {
    mapping_->protect(detail::pages_of_part(offset, size, this->size()), allowed);
}

void cow_view::restore() {
    mapping_->restore();
}

void cow_view::restore(std::size_t offset, std::size_t size) {
    mapping_->restore(detail::pages_of_part(offset, size, this->size()));
}

std::vector<changed_run> cow_view::changed(change kind) const {
    return mapping_->changed(kind);
}

snapshot cow_view::take_snapshot() const {
    return snapshot::state::holding(mapping_->take());
}

snapshot cow_view::commit() {
    snapshot taken = take_snapshot();
    mapping_->follow(taken.state_);
    return taken;
}

}  // namespace vmio
