// SPDX-License-Identifier: BSL-1.0
#include <vmio/core_memory.hpp>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <string_view>

#include <vmio/memory.hpp>

#include "base/byte_source.hpp"
#include "base/data_extents.hpp"
#include "base/input_file.hpp"
#include "base/range_set.hpp"
#include "base/system_call.hpp"
#include "base/system_error.hpp"
#include "core/core_headers.hpp"
#include "core/core_note_reader.hpp"
#include "packed/packed_file.hpp"
#include "proc/maps_text.hpp"

namespace vmio {

static_assert(memory_reader<core_memory>);

namespace {

/// Memory whose bytes are in the file.
struct stored_range {
    address_range range;
    std::uint64_t offset = 0;
};

void add_gap(std::vector<memory_gap>& gaps, const address_range& range, gap_reason reason) {
    if (range.empty()) return;
    if (!gaps.empty() && gaps.back().range.end() == range.start() && gaps.back().reason == reason)
        gaps.back().range = {gaps.back().range.start(), range.end()};
    else
        gaps.push_back({range, reason});
}

/// Makes mappings with copies of the names in the notes. The total size of the names is limited to the size of the
/// file, also for hostile headers.
class mapping_maker {
public:
    explicit mapping_maker(std::uint64_t size_of_file) noexcept : left_(size_of_file) {}

    mapping operator()(const address_range& range, const detail::core_mapped_file* file) {
        mapping m;
        m.range = range;
        if (file == nullptr) return m;
        m.offset = file->offset + (range.start() - file->range.start());
        if (file->name.size() > left_) return m;
        left_ -= file->name.size();
        m.name = file->name;
        m.deleted = m.name.ends_with(detail::deleted_mark);
        if (m.deleted) m.name.resize(m.name.size() - detail::deleted_mark.size());
        return m;
    }

private:
    std::uint64_t left_;
};

}  // namespace

struct VMIO_HIDDEN core_memory::state {
    explicit state(detail::input_file&&);

    void add(const detail::core_segment&, std::uint64_t size_of_file);

    std::shared_ptr<const detail::byte_source> content;
    unsigned machine = 0;
    unsigned word_size = 0;
    std::endian byte_order = std::endian::native;
    bool cut_off = false;
    detail::core_notes process;
    std::vector<stored_range> data;  // by address
    std::vector<address_range> ranges;
    std::vector<memory_gap> gaps;
    std::vector<mapping> mappings;
};

core_memory::state::state(detail::input_file&& from) {
    const detail::core_headers headers = detail::read_core_headers(from);
    machine = headers.machine;
    word_size = headers.word_size;
    byte_order = headers.byte_order;
    cut_off = headers.cut_off;
    process = detail::read_core_notes(from, headers, cut_off);
    mapping_maker mapping_of(from.size_to_keep());
    auto file_at = process.files.begin();
    // Adds the parts of mapped files below `end` that are in no segment.
    address at = 0;
    const auto add_files_without_segment = [&](address end) {
        for (; file_at != process.files.end() && file_at->range.start() < end; ++file_at) {
            const address start = std::max(at, file_at->range.start());
            const address stop = std::min(end, file_at->range.end());
            if (start < stop) {
                mappings.push_back(mapping_of({start, stop}, &*file_at));
                add_gap(gaps, {start, stop}, gap_reason::not_dumped);
            }
            if (file_at->range.end() > end) break;
        }
    };
    for (const detail::core_segment& s : headers.segments) {
        add_files_without_segment(s.range.start());
        while (file_at != process.files.end() && file_at->range.end() <= s.range.start()) ++file_at;
        const bool covered = file_at != process.files.end() && file_at->range.contains(s.range.start());
        mappings.push_back(mapping_of(s.range, covered ? &*file_at : nullptr));
        mappings.back().perms = s.perms;
        add(s, from.size());
        at = s.range.end();
    }
    add_files_without_segment(std::numeric_limits<address>::max());
    process.files = {};  // no longer needed: copied to the mappings
    content = from.take_content();
}

void core_memory::state::add(const detail::core_segment& s, std::uint64_t size_of_file) {
    const std::uint64_t left = size_of_file - std::min(s.offset, size_of_file);
    const std::uint64_t present = std::min(s.file_size, left);
    const address_range range = s.range.part(0, present);
    if (!range.empty()) {
        const bool follows = !data.empty() && data.back().range.end() == range.start();
        if (follows && data.back().offset + data.back().range.size() == s.offset)
            data.back().range = {data.back().range.start(), range.end()};
        else
            data.push_back({range, s.offset});
        if (follows)
            ranges.back() = {ranges.back().start(), range.end()};
        else
            ranges.push_back(range);
    }
    if (present < s.file_size) cut_off = true;
    add_gap(gaps, s.range.part(present, s.file_size - present), gap_reason::cut_off);
    add_gap(gaps, s.range.part(s.file_size, s.range.size() - s.file_size), gap_reason::not_dumped);
}

core_memory core_memory::open(const std::filesystem::path& path) {
    return core_memory(std::make_shared<const state>(
        detail::unpacked(detail::input_file(path, "open of core file"), detail::core_content_end)));
}

std::size_t core_memory::read_some(address where, std::span<std::byte> to, std::error_code& ec) const noexcept {
    ec.clear();
    const std::vector<stored_range>& data = state_->data;
    auto part = std::upper_bound(data.begin(), data.end(), where,
                                 [](address a, const stored_range& s) { return a < s.range.end(); });
    std::size_t done = 0;
    while (done < to.size()) {
        const address at = where + done;
        if (part == data.end() || at < part->range.start()) {
            if (done == 0) ec = detail::system_error_of(EFAULT);
            break;
        }
        const auto size = std::min<std::uint64_t>(part->range.end() - at, to.size() - done);
        const std::uint64_t offset = part->offset + (at - part->range.start());
        const std::size_t got =
            state_->content->read_some(offset, to.subspan(done, static_cast<std::size_t>(size)), ec);
        if (got == 0) {
            if (done > 0)
                ec.clear();
            else if (!ec)
                ec = detail::system_error_of(EIO);  // the file has become shorter
            break;
        }
        done += got;
        if (where + done == part->range.end()) ++part;
    }
    return done;
}

const std::vector<address_range>& core_memory::ranges() const noexcept {
    return state_->ranges;
}
std::vector<address_range> core_memory::stored() const {
    std::vector<address_range> parts;
    std::uint64_t looked_at = 0;  // in the file
    const int file = state_->content->descriptor();
    for (const stored_range& s : state_->data) {
        const std::uint64_t end = s.offset + s.range.size();
        const bool is_told =
            file >= 0 && s.offset >= looked_at;  // segments that share bytes, of hostile files only, are data
        looked_at = std::max(looked_at, end);
        if (!is_told) detail::append(parts, s.range);
        if (is_told)
            for (const address_range& e : detail::data_extents(file, s.range.size(), s.offset))
                detail::append(parts, s.range.part(e.start(), e.size()));
    }
    return parts;
}
const std::vector<memory_gap>& core_memory::gaps() const noexcept {
    return state_->gaps;
}
bool core_memory::cut_off() const noexcept {
    return state_->cut_off;
}
const std::vector<mapping>& core_memory::mappings() const noexcept {
    return state_->mappings;
}
pid_t core_memory::process_id() const noexcept {
    return state_->process.process_id;
}
const std::string& core_memory::program() const noexcept {
    return state_->process.program;
}
const std::string& core_memory::arguments() const noexcept {
    return state_->process.arguments;
}
const std::vector<thread_registers>& core_memory::threads() const noexcept {
    return state_->process.threads;
}
std::span<const std::byte> core_memory::auxiliary_vector() const noexcept {
    return state_->process.auxiliary_vector;
}
unsigned core_memory::machine() const noexcept {
    return state_->machine;
}
unsigned core_memory::word_size() const noexcept {
    return state_->word_size;
}
std::endian core_memory::byte_order() const noexcept {
    return state_->byte_order;
}

}  // namespace vmio
