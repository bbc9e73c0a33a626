// SPDX-License-Identifier: BSL-1.0
/// process_snapshot::save() and load().
#include <algorithm>
#include <cerrno>

#include "base/atomic_file_writer.hpp"
#include "base/crc32.hpp"
#include "base/input_file.hpp"
#include "capture/process_snapshot_format.hpp"
#include "capture/process_snapshot_state.hpp"

namespace vmio {
namespace {

namespace format = detail::process_snapshot_format;

constexpr const char* saving = "save of a captured process to";
constexpr const char* loading = "load of a captured process from";
constexpr std::size_t file_buffer_size = std::size_t{1} << 18;

format::header read_head(detail::input_file& from, detail::capture_record& record, detail::region_layout& layout) {
    std::vector<std::byte> bytes(static_cast<std::size_t>(std::min<std::uint64_t>(format::header_size, from.left())));
    from.read_next(bytes);
    if (!format::is_magic(bytes)) from.fail(EINVAL, "it is not a saved process");
    if (bytes.size() < format::header_size) from.fail(EBADMSG, "its end is missing");
    const format::header head = format::decoded(std::span<const std::byte, format::header_size>(bytes));
    if (head.version == 0 || head.version > format::version)
        from.fail(EOPNOTSUPP, "it is of a version that is not known here");
    if (head.record_size > from.left()) from.fail(EBADMSG, "its end is missing, or it is damaged");
    if (head.record_size > format::largest_record) from.fail(EBADMSG, "its header makes no sense");
    bytes.resize(format::header_size + static_cast<std::size_t>(head.record_size));
    const std::span<std::byte> rest = std::span(bytes).subspan(format::header_size);
    from.read_next(rest);
    detail::crc32 checksum;
    checksum.add(std::span<const std::byte>(bytes).subspan(format::start_of_checked));
    if (checksum.value() != head.checksum) from.fail(EBADMSG, "its header is damaged");
    if (!format::decode_record(head, rest, record, layout)) from.fail(EBADMSG, "its header makes no sense");
    if (from.left() < head.data_size) from.fail(EBADMSG, "its end is missing");
    if (from.left() > head.data_size) from.fail(EBADMSG, "something follows its end");
    return head;
}

}  // namespace

void process_snapshot::save(const std::filesystem::path& path) const {
    const detail::capture_record& record = state_->record;
    detail::atomic_file_writer file(path, saving, 0600);
    std::uint64_t at = format::encoded(record, state_->layout.regions(), 0).size();
    std::vector<std::byte> buffer(file_buffer_size);
    detail::crc32 checksum;
    for (const address_range& range : record.stored) {
        std::uint64_t from = *state_->layout.offset_of(range);
        const std::uint64_t end = from + range.size();
        while (from < end) {
            std::error_code ec;
            const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), end - from));
            const std::size_t got = state_->content->read_some(from, std::span(buffer).first(most), ec);
            if (got == 0) throw memory_error(read_operation(), process_id(), range.end() - (end - from), ec);
            const std::span<const std::byte> bytes(buffer.data(), got);
            checksum.add(bytes);
            file.write(at, bytes);
            at += got;
            from += got;
        }
    }
    file.write(0, format::encoded(record, state_->layout.regions(), checksum.value()));
    file.put_in_place();
}

process_snapshot process_snapshot::load(const std::filesystem::path& path) {
    detail::input_file from(path, loading);
    detail::capture_record record;
    detail::region_layout layout;
    const format::header head = read_head(from, record, layout);
    detail::file_descriptor file = detail::new_memfd(layout.size());
    std::vector<std::byte> buffer(file_buffer_size);
    detail::crc32 checksum;
    for (const address_range& range : record.stored) {
        std::uint64_t to = *layout.offset_of(range);
        const std::uint64_t end = to + range.size();
        while (to < end) {
            const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), end - to));
            const std::span<std::byte> bytes = std::span(buffer).first(most);
            from.read_next(bytes);
            checksum.add(bytes);
            detail::write_all(file.get(), to, bytes);
            to += most;
        }
    }
    if (checksum.value() != head.data_checksum) from.fail(EBADMSG, "its data are damaged");
    return state::holding(std::move(record), std::move(layout), std::move(file));
}

}  // namespace vmio
