// SPDX-License-Identifier: BSL-1.0
#include <vmio/mutable_view.hpp>

#include <cerrno>

#include <sys/mman.h>
#include <unistd.h>

#include "base/system_error.hpp"
#include "snapshot/mutable_lease.hpp"
#include "snapshot/page_interval.hpp"

namespace vmio {

mutable_view::lease::lease(std::shared_ptr<snapshot::state> owner) : owner_(std::move(owner)), process_(::getpid()) {
    const std::lock_guard lock(owner_->mutex);
    if (owner_->has_mutable_view) throw memory_error("snapshot::view_mutable", 0, 0, detail::system_error_of(EBUSY));
    detail::file_descriptor file = owner_->content->copy();
    bytes_ = detail::mmap_region(file.get(), owner_->size, PROT_READ | PROT_WRITE, MAP_SHARED);
    // A shared mapping inherited by a child would be a second writer, and prevent sealing.
    if (owner_->size > 0 && ::madvise(bytes_.data(), bytes_.size(), MADV_DONTFORK) != 0)
        throw memory_error("madvise of a snapshot", 0, 0, detail::last_system_error());
    constexpr bool live = true;
    content_ = std::make_shared<const detail::snapshot_data>(
        std::make_shared<const detail::sealed_memfd>(std::move(file), bytes_), detail::cow_pages(), live);
    owner_->content = content_;
    owner_->has_mutable_view = true;
}

mutable_view::lease::~lease() {
    if (::getpid() == process_) {
        bytes_ = detail::mmap_region();
        content_->freeze();
    } else {
        bytes_.release();  // not mapped in a child of fork(2): MADV_DONTFORK
    }
    const std::lock_guard lock(owner_->mutex);
    owner_->has_mutable_view = false;
}

mutable_view::mutable_view(std::unique_ptr<lease> l) noexcept
    : view_bytes(l->bytes().data(), l->bytes().size()), lease_(std::move(l)) {}
mutable_view::mutable_view(mutable_view&&) noexcept = default;
mutable_view& mutable_view::operator=(mutable_view&&) noexcept = default;
mutable_view::~mutable_view() = default;

void mutable_view::protect(std::size_t offset, std::size_t size, protection allowed) {
    detail::set_protection(data(), detail::pages_of_part(offset, size, this->size()), allowed);
}

snapshot mutable_view::take_snapshot() const {
    return snapshot::state::sealed(lease_->content().copy(), size());
}

}  // namespace vmio
