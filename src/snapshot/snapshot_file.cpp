// SPDX-License-Identifier: BSL-1.0
/// snapshot::save() and load().
#include <algorithm>
#include <cerrno>
#include <limits>

#include "base/atomic_file_writer.hpp"
#include "base/input_file.hpp"
#include "snapshot/snapshot_format.hpp"
#include "snapshot/snapshot_state.hpp"

namespace vmio {
namespace {

namespace fs = std::filesystem;
namespace format = detail::snapshot_format;

constexpr const char* saving = "save of a snapshot to";
constexpr const char* loading = "load of a snapshot from";
constexpr std::size_t buffer_size = std::size_t{1} << 18;

/// Reads and validates the header, into `head`. Returns: the extents.
std::vector<address_range> read_head(detail::input_file& from, format::header& head) {
    std::vector<std::byte> bytes(std::min<std::uint64_t>(format::header_size, from.left()));
    from.read_next(bytes);
    if (!format::is_magic(bytes)) from.fail(EINVAL, "it is not a saved snapshot");
    if (bytes.size() < format::header_size) from.fail(EBADMSG, "its end is missing");
    head = format::decoded(std::span<const std::byte, format::header_size>(bytes));
    if (head.version != format::version) from.fail(EOPNOTSUPP, "it is of a version that is not known here");
    if (head.extents > from.left() / format::extent_size) from.fail(EBADMSG, "its end is missing, or it is damaged");
    bytes.resize(format::header_size + static_cast<std::size_t>(head.extents) * format::extent_size);
    const std::span<std::byte> table = std::span(bytes).subspan(format::header_size);
    from.read_next(table);
    detail::crc32 checksum;
    checksum.add(std::span<const std::byte>(bytes).subspan(format::start_of_checked));
    if (checksum.value() != head.checksum) from.fail(EBADMSG, "its header is damaged");
    std::vector<address_range> extents;
    if (head.size > static_cast<std::uint64_t>(std::numeric_limits<off_t>::max()) ||
        !format::decode_extents(head, table, extents))
        from.fail(EBADMSG, "its header makes no sense");
    if (from.left() < head.data_size) from.fail(EBADMSG, "its end is missing");
    if (from.left() > head.data_size) from.fail(EBADMSG, "something follows its end");
    return extents;
}

}  // namespace

void snapshot::save(const fs::path& path) const {
    const state::content_pointer content = state_->now();
    const std::vector<address_range> extents = content->data();
    detail::atomic_file_writer file(path, saving);
    std::uint64_t at = format::header_size + extents.size() * format::extent_size;
    std::vector<std::byte> buffer(buffer_size);
    detail::crc32 checksum;
    for (const address_range& e : extents)
        for (std::uint64_t done = 0; done < e.size();) {
            std::error_code ec;
            const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), e.size() - done));
            const std::size_t got = content->read_some(e.start() + done, std::span(buffer).first(most), ec);
            if (got == 0) throw memory_error(read_operation(), 0, e.start() + done, ec);
            const std::span<const std::byte> bytes(buffer.data(), got);
            checksum.add(bytes);
            file.write(at, bytes);
            at += got;
            done += got;
        }
    file.write(0, format::encoded(size(), extents, checksum.value()));
    file.put_in_place();
}

snapshot snapshot::load(const fs::path& path) {
    detail::input_file from(path, loading);
    format::header head;
    const std::vector<address_range> extents = read_head(from, head);
    detail::file_descriptor file = detail::new_memfd(head.size);
    std::vector<std::byte> buffer(buffer_size);
    detail::crc32 checksum;
    for (const address_range& e : extents)
        for (std::uint64_t done = 0; done < e.size();) {
            const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), e.size() - done));
            const std::span<std::byte> bytes = std::span(buffer).first(most);
            from.read_next(bytes);
            checksum.add(bytes);
            detail::write_all(file.get(), e.start() + done, bytes);
            done += most;
        }
    if (checksum.value() != head.data_checksum) from.fail(EBADMSG, "its data are damaged");
    return state::sealed(std::move(file), static_cast<std::size_t>(head.size));
}

}  // namespace vmio
