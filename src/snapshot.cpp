// SPDX-License-Identifier: BSL-1.0
#include <vmio/snapshot.hpp>

#include <cerrno>

#include <fcntl.h>

#include <vmio/file_error.hpp>

#include "copy_file.hpp"
#include "cow_mapping.hpp"
#include "mutable_lease.hpp"
#include "snapshot_state.hpp"
#include "system_error.hpp"

namespace vmio {

snapshot snapshot::zeroed(std::size_t size) {
    return state::sealed(new_memory_file(size), size);
}

snapshot snapshot::from_bytes(std::span<const std::byte> bytes) {
    // Twice as fast as copying into a mapping, which takes a page fault for each page.
    file_descriptor file = new_memory_file(bytes.size());
    write_all(file.get(), 0, bytes);
    return state::sealed(std::move(file), bytes.size());
}

snapshot snapshot::from_file(const std::filesystem::path& path) {
    const file_descriptor from(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
    if (!from) throw file_error("open of", path, last_system_error());
    file_descriptor to = new_memory_file(0);
    std::error_code ec;
    const std::uint64_t size = copy_whole(from.get(), to.get(), ec);
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
