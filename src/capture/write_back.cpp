// SPDX-License-Identifier: BSL-1.0
/// process_snapshot::write_back().
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include <vmio/error.hpp>
#include <vmio/process_snapshot.hpp>

#include "base/range_set.hpp"
#include "base/system_error.hpp"
#include "capture/compare_live.hpp"
#include "maps/query_mapping.hpp"

namespace vmio {
namespace {

/// Calls each(address_range) for the parts of `range` where nothing is mapped in `target`.
template <class F>
void for_each_hole(const process& target, std::optional<memory_map>& list, const address_range& range, F&& each) {
    for (address at = range.start(); at < range.end();) {
        const auto m = detail::query_mapping(target, at, list);
        const address start = m ? std::min(range.end(), std::max(at, m->range.start())) : range.end();
        if (start > at) each(address_range(at, start));
        at = m ? std::max(start, m->range.end()) : range.end();
    }
}

class page_writer {
public:
    page_writer(const process_snapshot& from, const process_memory& to) : from_(from), to_(to) {}

    /// Precondition: all of `range` was captured.
    void put(const address_range& range) {
        const std::vector<address_range> unread = detail::for_each_pair(
            from_, to_, range, buffer_, [&](address at, std::span<std::byte> wanted, std::span<const std::byte> now) {
                write_different(at, wanted, now);
            });
        for (const address_range& part : unread) put_unread(part);
    }

    void fail(const address_range& range, std::error_code ec) {
        if (ec != errc::bad_address) throw memory_error("write back", to_.process_id(), range.start(), ec);
        failed_.push_back({range, ec});
    }

    write_back_result result() {
        std::sort(failed_.begin(), failed_.end(),
                  [](const write_failure& a, const write_failure& b) { return a.range.start() < b.range.start(); });
        write_back_result all{written_, {}};
        for (const write_failure& f : failed_) {
            write_failure* const last = all.failed.empty() ? nullptr : &all.failed.back();
            if (last != nullptr && last->range.end() == f.range.start() && last->error == f.error)
                last->range = {last->range.start(), f.range.end()};
            else
                all.failed.push_back(f);
        }
        return all;
    }

private:
    static address end_of_page(address at, address end) {
        return std::min(end, align_down(at, page_size()) + page_size());
    }

    /// Writes the runs of pages that differ.
    void write_different(address start, std::span<std::byte> wanted, std::span<const std::byte> now) {
        const address end = start + wanted.size();
        const auto part = [&](auto bytes, const address_range& r) {
            return bytes.subspan(static_cast<std::size_t>(r.start() - start), static_cast<std::size_t>(r.size()));
        };
        std::vector<address_range> runs;
        for (address at = start; at < end;) {
            const address_range page(at, end_of_page(at, end));
            if (std::memcmp(part(wanted, page).data(), part(now, page).data(), part(now, page).size()) != 0)
                detail::append(runs, page);
            at = page.end();
        }
        blocks_.clear();
        for (const address_range& run : runs) blocks_.push_back({run.start(), part(wanted, run)});
        results_.resize(blocks_.size());
        to_.write_blocks(blocks_, results_);
        for (std::size_t i = 0; i < blocks_.size(); ++i) {
            const auto [moved, error] = results_[i];
            written_ += moved;
            if (error) write_on(blocks_[i].start + moved, blocks_[i].bytes.subspan(moved));
        }
    }

    /// Writes as much as possible; a page that cannot be written is recorded as failed and skipped.
    void write_on(address at, std::span<const std::byte> bytes) {
        while (!bytes.empty()) {
            std::error_code ec;
            std::size_t done = to_.write_some(at, bytes, ec);
            written_ += done;
            if (done == 0) {
                const address_range lost(at, end_of_page(at, at + bytes.size()));
                fail(lost, ec);
                done = static_cast<std::size_t>(lost.size());
            }
            at += done;
            bytes = bytes.subspan(done);
        }
    }

    /// Unreadable memory may be writable, or writable with process_memory_options::force_write.
    void put_unread(const address_range& range) {
        std::vector<address_range> holes;
        for_each_hole(to_.target(), list_, range, [&](const address_range& hole) { holes.push_back(hole); });
        for (const address_range& hole : holes) fail(hole, detail::system_error_of(EFAULT));
        for (address_range rest : detail::without({&range, 1}, holes))
            while (!rest.empty()) {
                const address_range step = rest.part(0, std::min<std::uint64_t>(rest.size(), std::size_t{1} << 16));
                buffer_.resize(static_cast<std::size_t>(step.size()));
                from_.read(step.start(), buffer_);
                write_on(step.start(), buffer_);
                rest = {step.end(), rest.end()};
            }
    }

    const process_snapshot& from_;
    const process_memory& to_;
    std::optional<memory_map> list_;  // used where single mappings cannot be queried
    std::vector<std::byte> buffer_;
    std::vector<remote_block> blocks_;
    std::vector<block_transfer> results_;
    std::vector<write_failure> failed_;
    std::uint64_t written_ = 0;
};

}  // namespace

write_back_result process_snapshot::write_back(const process_memory& to, std::span<const address_range> parts) const {
    const std::vector<address_range> wanted = detail::made_set({parts.begin(), parts.end()});
    page_writer writer(*this, to);
    for (const address_range& part : detail::intersected(wanted, ranges())) writer.put(part);
    for (const address_range& part : detail::without(wanted, ranges()))
        writer.fail(part, detail::system_error_of(EFAULT));
    return writer.result();
}

}  // namespace vmio
