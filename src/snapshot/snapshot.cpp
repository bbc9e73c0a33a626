// SPDX-License-Identifier: BSL-1.0
#include <vmio/snapshot.hpp>

#include <cerrno>

#include <fcntl.h>

#include <vmio/file_error.hpp>
#include <vmio/memory.hpp>

#include "base/system_call.hpp"
#include "base/system_error.hpp"
#include "snapshot/copy_file.hpp"
#include "snapshot/cow_mapping.hpp"
#include "snapshot/mutable_lease.hpp"
#include "snapshot/snapshot_state.hpp"

namespace vmio {

static_assert(memory_reader<snapshot>);

snapshot snapshot::zeroed(std::size_t size) {
    return state::sealed(detail::new_memfd(size), size);
}

snapshot snapshot::from_bytes(std::span<const std::byte> bytes) {
    // Writing to the file is twice as fast as copying into a mapping, which takes a page fault for each page.
    detail::file_descriptor file = detail::new_memfd(bytes.size());
    detail::write_all(file.get(), 0, bytes);
    return state::sealed(std::move(file), bytes.size());
}

snapshot snapshot::from_file(const std::filesystem::path& path) {
    const detail::file_descriptor from(detail::sys::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
    if (!from) throw file_error("open of", path, detail::last_system_error());
    detail::file_descriptor to = detail::new_memfd(0);
    std::error_code ec;
    const std::uint64_t size = detail::copy_whole(from.get(), to.get(), ec);
    if (ec.value() == ENODATA) throw file_error("copy of", path, ec, "it became shorter meanwhile");
    if (ec) throw file_error("copy of", path, ec);
    return state::sealed(std::move(to), static_cast<std::size_t>(size));
}

std::size_t snapshot::size() const noexcept {
    return state_->size;
}

std::uint64_t snapshot::memory_used() const noexcept {
    return state_->now()->memory_used();
}

cow_view snapshot::view() const {
    return cow_view(std::make_unique<cow_view::mapping>(state_, state_->now()));
}

mutable_view snapshot::view_mutable() {
    return mutable_view(std::make_unique<mutable_view::lease>(state_));
}

snapshot snapshot::clone() const {
    const state::content_pointer content = state_->now();
    return content->live() ? state::sealed(content->copy(), size()) : state::holding(content);
}

std::size_t snapshot::read_some(address offset, std::span<std::byte> to, std::error_code& ec) const noexcept {
    return state_->now()->read_some(offset, to, ec);
}

}  // namespace vmio
