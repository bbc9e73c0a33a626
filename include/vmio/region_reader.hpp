// SPDX-License-Identifier: BSL-1.0
/// Reading all memory of a process in chunks, without making pages of it present.
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

namespace detail {
struct region_reader_access;
}  // namespace detail

/// What a region_reader reads, and how.
struct region_options {
    /// The size of a chunk in bytes: rounded down to pages, but at least one; 0: whole regions. See also join_empty.
    std::size_t chunk_size = 0;
    /// Number of bytes of the previous chunk of the same region that each chunk begins with: patterns of up to one byte
    /// more are found across chunk boundaries.
    std::size_t overlap = 0;
    /// Maximum number of bytes fetched of a chunk, without the overlap: rounded down to pages, but at least one. The
    /// rest is cut_off().
    std::size_t max_fetched_size = std::size_t{1} << 30;
    /// As in source_options.
    /// @{
    bool use_backing_files = true;
    bool skip_untouched = true;
    bool read_swapped = true;
    bool read_protected = false;
    bool skip_dontdump = false;
    address_range within{0, std::numeric_limits<address>::max()};
    std::function<bool(const mapping&)> wanted{};
    /// @}
    /// If chunk_size is not 0: join runs of at least 2 MiB (and two chunks) that are known to hold no data (never
    /// touched, holes of files, past their end) to chunks of up to max_fetched_size bytes, 1 GiB at most, so that
    /// memory that is only reserved takes almost no time. Their bytes are zeros that take no memory until they are
    /// read. false: no chunk is larger than chunk_size.
    bool join_empty = true;

    /// Returns: the members that source_options has, too.
    source_options sources() const {
        return {use_backing_files, skip_untouched, read_swapped, read_protected, skip_dontdump, within, wanted};
    }
    /// Returns: options with the members of `s`, and defaults for the others.
    static region_options from(source_options s) {
        region_options o;
        o.use_backing_files = s.use_backing_files;
        o.skip_untouched = s.skip_untouched;
        o.read_swapped = s.read_swapped;
        o.read_protected = s.read_protected;
        o.skip_dontdump = s.skip_dontdump;
        o.within = s.within;
        o.wanted = std::move(s.wanted);
        return o;
    }
};

/// Walks the mappings of a process in ascending order, a chunk at a time: next(), then fetch() if its bytes are wanted.
///
///     for (vmio::region_reader& chunk : reader) look_at(chunk.range().start(), chunk.fetch());
///
/// A region is a readable mapping (see read_protected), as it is when the walk reaches it; mappings created meanwhile
/// above the current position are found. Device memory, [vvar] and [vsyscall] are skipped. A page that cannot be read
/// is zero in what fetch() returns and is listed in gaps(); its neighbours are not affected.
///
/// **Cost to the target.** No absent page becomes present: page_map identifies private pages that were never touched,
/// which are zero, and unchanged file pages and shared memory are read from their backing_file. If that file is refused
/// (files of a container's image; unnamed shared memory without the right to use /proc/PID/map_files) or disabled, the
/// memory itself is read, with the effects described at process_memory. A page that userfaultfd(2) would fill at its
/// first access therefore reads as zeros; without skip_untouched, reading it waits for the user-space pager. Its
/// mapping has the flag "um" in read_smaps().
///
/// **Cost to the caller.** A buffer of chunk_size + overlap (at most max_fetched_size + overlap) bytes, of which only
/// pages that hold data become present, reused for every chunk and freed at the end of the walk; one byte for each of
/// its pages; less than 128 KiB in addition; and 1 GiB of address space, without memory, for the zeros of join_empty.
///
/// **Races.** The bytes of a chunk may be of different moments, and so may chunks. If a region is replaced by another
/// mapping between next() and fetch(), the new mapping is read. Where the kernel cannot look up single mappings
/// (query_mapping), regions are those of the start of the walk, and each chunk costs one read of /proc/PID/maps.
///
/// Not thread-safe. Spans stay valid until the next call of next(), reset() or begin(), also in the reader that this
/// one is moved to. A moved-from reader may only be assigned to or destroyed.
class VMIO_EXPORT region_reader {
public:
    /// Constructs a reader positioned before the first chunk.
    /// Errors: as process_memory.
    /// @{
    explicit region_reader(process, region_options = {});
    explicit region_reader(process_memory, region_options = {});
    /// @}

    /// Moves the walk, including the fetched chunk.
    /// @{
    region_reader(region_reader&&) noexcept;
    region_reader& operator=(region_reader&&) noexcept;
    /// @}
    ~region_reader();

    /// Moves to the next chunk; the first call moves to the first chunk.
    /// Returns: false at the end of the walk.
    /// Errors: memory_error: ESRCH if the process has ended, ESTALE if it has called exec(2) since it was opened,
    /// EACCES if access is refused. After an exception, including one of options.wanted, the position is unchanged, and
    /// the next call retries.
    bool next();

    /// Returns: the addresses of the current chunk, including its overlap. Empty before the first next() and after the
    /// end.
    address_range range() const noexcept;
    /// Returns: the mapping that the current chunk belongs to.
    const vmio::mapping& mapping() const& noexcept;

    /// Reads the current chunk, at the first call for it only.
    /// Returns: its bytes, except those of cut_off().
    /// Errors: as next(); the call can be repeated.
    std::span<const std::byte> fetch() &;

    /// Returns: the ranges that fetch() could not read, sorted; their bytes are zero.
    std::span<const address_range> gaps() const& noexcept;
    /// Returns: the same with the reasons.
    std::span<const memory_gap> memory_gaps() const& noexcept;
    /// Returns: the ranges that fetch() knew to be zero without reading, sorted; the overlap is not included.
    std::span<const address_range> untouched() const& noexcept;
    /// Returns: the tail of range() that fetch() does not read, because of max_fetched_size.
    address_range cut_off() const noexcept;

    /// Ends the walk: the next call of next() starts a new one.
    void reset() noexcept;

    /// Returns: the memory that is read, for other transfers.
    const process_memory& memory() const& noexcept;

    /// An input iterator: each increment is a next(), and the element is the reader itself.
    class iterator {
    public:
        /// Required of an input iterator.
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
        /// Returns: whether the walk has ended.
        friend bool operator==(const iterator& i, std::default_sentinel_t) noexcept { return i.reader_ == nullptr; }

    private:
        region_reader* reader_ = nullptr;
    };
    /// The reader as an input range: begin() starts a new walk.
    /// @{
    iterator begin() & {
        reset();
        return iterator(*this);
    }
    std::default_sentinel_t end() const noexcept { return {}; }
    /// @}

    /// Deleted for temporaries: the results would dangle.
    /// @{
    std::span<const std::byte> fetch() && = delete;
    const vmio::mapping& mapping() const&& = delete;
    std::span<const address_range> gaps() const&& = delete;
    std::span<const memory_gap> memory_gaps() const&& = delete;
    std::span<const address_range> untouched() const&& = delete;
    const process_memory& memory() const&& = delete;
    iterator begin() && = delete;
    /// @}

private:
    friend struct detail::region_reader_access;
    struct state;
    std::unique_ptr<state> state_;
};

/// Calls each(address, std::span<const std::byte>) for the bytes of `range`, which may span neighbouring regions, in
/// ascending order; options.within and options.overlap are ignored, and nothing is cut off.
/// Returns: false if a part of it is unmapped or cannot be read; then each() has been called for bytes before that part
/// only.
/// Errors: as region_reader.
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
