// SPDX-License-Identifier: BSL-1.0
/// Walking a process's memory in chunks, without disturbing it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <iterator>
#include <limits>
#include <memory>
#include <span>
#include <utility>

#include <vmio/address.hpp>
#include <vmio/detail/config.hpp>
#include <vmio/mapping.hpp>
#include <vmio/memory_gap.hpp>
#include <vmio/process.hpp>
#include <vmio/process_memory.hpp>
#include <vmio/source_options.hpp>

namespace vmio {

/// What of a process is walked through, and how.
struct region_options {
    /// In bytes, rounded down to pages, but at least one; 0: whole regions.
    std::size_t chunk_size = 0;
    /// How many bytes of the chunk before, of the same region, each chunk begins with: a pattern of up to one byte more
    /// is found though it lies across the seam.
    std::size_t overlap = 0;
    /// Of a larger chunk only so much is fetched, rounded down to pages, but at least one: cut_off() tells the rest.
    std::size_t max_fetched_size = std::size_t{1} << 30;
    /// As in source_options.
    /// @{
    bool use_backing_files = true;
    bool skip_untouched = true;
    bool read_swapped = true;
    bool skip_dontdump = false;
    address_range within{0, std::numeric_limits<address>::max()};
    std::function<bool(const mapping&)> wanted{};
    /// @}

    /// The members that are those of source_options.
    source_options sources() const {
        return {use_backing_files, skip_untouched, read_swapped, skip_dontdump, within, wanted};
    }
    /// Options with these, the others as by default.
    static region_options from(source_options s) {
        region_options o;
        o.use_backing_files = s.use_backing_files;
        o.skip_untouched = s.skip_untouched;
        o.read_swapped = s.read_swapped;
        o.skip_dontdump = s.skip_dontdump;
        o.within = s.within;
        o.wanted = std::move(s.wanted);
        return o;
    }
};

/// Goes through what is mapped, by address, a chunk at a time: next(), then fetch() if its bytes are wanted.
///
///     for (vmio::region_reader& chunk : reader) look_at(chunk.range().start(), chunk.fetch());
///
/// A region is a readable mapping, as it is when the walk gets there; what has been mapped above meanwhile is found.
/// Device memory, [vvar] and [vsyscall] are passed by. A page that cannot be read loses only itself: it is zero in what
/// fetch() returns, and listed in gaps().
///
/// **What it costs the target.** Nothing is made present in it that was not: untouched private pages are known to be
/// zero by page_map, and unchanged file pages and shared memory are read from their backing_file. Where that file is
/// refused, as those of a container's image are, and that of shared memory without a name to those who may not use
/// /proc/PID/map_files, or where the options say so, its memory is read, with all that process_memory says about it. So
/// what userfaultfd(2) would put into a page at its first touch is not seen; without skip_untouched, reading such a
/// page waits for whoever puts it there.
///
/// **What it costs us.** A buffer of chunk_size + overlap (but max_fetched_size + overlap at most), of which only pages
/// that hold data are ever touched, kept from chunk to chunk and given back at the end of the walk; a byte for each of
/// its pages; and less than 128 KiB.
///
/// **What a running target makes untrue.** A chunk need not be of one moment, nor need two be of the same. What is
/// mapped in the place of a region between next() and fetch() is read instead. Where single mappings cannot be asked
/// for (query_mapping), regions are those of the walk's beginning, and each chunk takes a look through /proc/PID/maps.
/// Not thread-safe.
class VMIO_EXPORT region_reader {
public:
    /// Throws as process_memory. The walk begins with next().
    /// @{
    explicit region_reader(process, region_options = {});
    explicit region_reader(process_memory, region_options = {});
    /// @}

    /// Goes on where the other was, with what it had fetched. After a move only destruction and assignment make sense.
    /// @{
    region_reader(region_reader&&) noexcept;
    region_reader& operator=(region_reader&&) noexcept;
    /// @}
    ~region_reader();

    /// Goes to the next chunk, to the first one at first; false at the end. memory_error: ESRCH if the process has
    /// ended, ESTALE if it has called exec(2) since it was opened, EACCES if it may not be looked at. After an
    /// exception, that of a filter too, the present chunk stays, and the next call tries again.
    bool next();

    /// Of the present chunk, with its overlap. Empty before the first next() and after the end.
    address_range range() const noexcept;
    /// What it belongs to.
    const vmio::mapping& mapping() const noexcept;

    /// Its bytes, those of cut_off() excepted; valid until the next call of next(), reset() or clear(). They are read
    /// at the first call for a chunk only. memory_error as next(); it can be tried again.
    std::span<const std::byte> fetch();

    /// What could not be read by fetch(), sorted; there the bytes are zero.
    std::span<const address_range> gaps() const noexcept;
    /// The same, with reasons.
    std::span<const memory_gap> memory_gaps() const noexcept;
    /// What of the bytes behind the overlap fetch() knew to be zero without reading it, sorted.
    std::span<const address_range> untouched() const noexcept;
    /// The end of range() that fetch() leaves out, for max_fetched_size.
    address_range cut_off() const noexcept;

    /// The first region is the next.
    void reset() noexcept;

    /// That of the process, for reads beside the walk.
    const process_memory& memory() const noexcept;

    /// What a range-for needs: each step is a next(), and the element is the reader itself.
    class iterator {
    public:
        /// As of every input iterator.
        /// @{
        using value_type = region_reader;
        using difference_type = std::ptrdiff_t;

        iterator() noexcept = default;
        explicit iterator(region_reader& reader) : reader_(reader.next() ? &reader : nullptr) {}
        region_reader& operator*() const noexcept { return *reader_; }
        iterator& operator++() {
            if (!reader_->next()) reader_ = nullptr;
            return *this;
        }
        void operator++(int) { ++*this; }
        /// @}
        /// Whether the walk is over.
        friend bool operator==(const iterator& i, std::default_sentinel_t) noexcept { return i.reader_ == nullptr; }

    private:
        region_reader* reader_ = nullptr;
    };
    /// An input range of itself: the walk begins anew at begin().
    /// @{
    iterator begin() {
        reset();
        return iterator(*this);
    }
    std::default_sentinel_t end() const noexcept { return {}; }
    /// @}

private:
    struct state;
    std::unique_ptr<state> state_;
};

/// Hands the bytes of `range`, which may span neighbouring regions, to each(address, std::span<const std::byte>), slice
/// by slice; options.within is ignored, and nothing is cut off. False if not all of it is mapped and can be read: what
/// was handed out before is right, but not all.
template <class F>
bool for_each_slice(const process_memory& memory, const address_range& range, F&& each, region_options options = {}) {
    options.within = range;
    options.overlap = 0;
    if (options.chunk_size == 0 || options.chunk_size > options.max_fetched_size)
        options.chunk_size = std::max<std::size_t>(options.max_fetched_size, 1);
    region_reader reader(memory, std::move(options));
    address at = range.start();
    for (region_reader& chunk : reader) {
        if (chunk.range().start() != at) return false;
        const std::span<const std::byte> bytes = chunk.fetch();
        if (!chunk.gaps().empty()) return false;
        each(at, bytes);
        at = chunk.range().end();
    }
    return at == range.end();
}

}  // namespace vmio
