// SPDX-License-Identifier: BSL-1.0
/// A frozen process.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <sys/types.h>

#include <vmio/address.hpp>
#include <vmio/capture_options.hpp>
#include <vmio/core_progress.hpp>
#include <vmio/cow_view.hpp>
#include <vmio/detail/config.hpp>
#include <vmio/memory_gap.hpp>
#include <vmio/memory_map.hpp>
#include <vmio/process.hpp>
#include <vmio/process_memory.hpp>
#include <vmio/snapshot.hpp>
#include <vmio/thread_registers.hpp>

namespace vmio {

/// What write_back() could not write, and why.
struct write_failure {
    address_range range;    ///< what was not written
    std::error_code error;  ///< EFAULT also for what was not captured
};

/// What process_snapshot::write_back() has done.
struct write_back_result {
    std::uint64_t written = 0;          ///< bytes, of pages that differed
    std::vector<write_failure> failed;  ///< sorted, neighbours with one error joined
};

/// The memory of a process as it was, with what is known about it: a *memory*, whose addresses are those of the
/// process. Devices, streams and scanners take it as they take the process itself.
///
/// Only pages that hold data are stored, in a sealed memfd (see snapshot); what is known to be zero is a hole in it.
/// Immutable; copies are cheap and share all; all members are thread-safe.
///
/// **What a running target makes untrue.** Without capture_options::pause it is not of one moment: each mapping is
/// captured as it is when its turn comes, by address, and pages of it one after the other. What vanishes before it was
/// read is a gap.
class VMIO_EXPORT process_snapshot {
public:
    /// Reads as region_reader does, with what that says about the target: nothing is made present in it that was not,
    /// but for the few pages of [vdso] and of the command line, should those be swapped out.
    /// memory_error: ESRCH if the process has ended, ESTALE after exec(2), EACCES or EPERM if it may not be looked at,
    /// or not be paused; ENOMEM.
    /// @{
    static process_snapshot capture(const process& target, const capture_options& options = {});
    static process_snapshot capture(const process_memory& memory, const capture_options& options = {});
    /// @}

    /// What was captured: sorted, neighbours joined, without gaps.
    std::span<const address_range> ranges() const noexcept;
    /// What should have been, and could not be; sorted.
    std::span<const memory_gap> gaps() const noexcept;
    /// Where in ranges() there are bytes that were stored; the rest is zero. Sorted.
    std::span<const address_range> stored() const noexcept;
    /// In bytes, whole pages.
    std::uint64_t memory_used() const noexcept;

    /// All that was mapped, captured or not; without [vsyscall].
    const memory_map& map() const noexcept;
    /// Of the ELF file behind an executable mapping, or another mapping of the same file, or [vdso]; empty if there is
    /// none. `m` is one of map().
    std::span<const std::byte> build_id(const mapping& m) const noexcept;

    /// As it was then; it may be another process's now.
    pid_t process_id() const noexcept;
    /// The program's name, of at most 15 bytes, and its command line, with spaces between the arguments.
    /// @{
    const std::string& program() const noexcept;
    const std::string& arguments() const noexcept;
    /// @}
    /// proc_pid_auxv(5).
    std::span<const std::byte> auxiliary_vector() const noexcept;
    /// Of those that were paused; empty without a pause.
    const std::vector<thread_registers>& threads() const noexcept;
    /// When it was paused, or when the capture began.
    std::chrono::system_clock::time_point time() const noexcept;
    /// Whether all is of one moment.
    bool paused() const noexcept;

    /// As said of memory_reader: up to the end of one of ranges(); EFAULT where nothing was captured.
    std::size_t read_some(address from, std::span<std::byte> to, std::error_code& ec) const noexcept;
    /// For errors: see naming.
    const char* read_operation() const noexcept { return "read of a captured process"; }

    /// All of it, or memory_error.
    /// @{
    void read(address from, std::span<std::byte> to) const;
    template <class T>
    T read_value(address from) const {
        static_assert(std::is_trivially_copyable_v<T>, "only the bytes of a value can be moved");
        alignas(T) std::byte bytes[sizeof(T)];
        read(from, bytes);
        return __builtin_bit_cast(T, bytes);
    }
    /// @}

    /// The bytes of whole pages as a snapshot of their own, offset 0 for part.start(), which shares: nothing is copied.
    /// Gaps are zero. std::invalid_argument if they are not whole pages; std::out_of_range if they do not lie in
    /// neighbouring mappings that were captured.
    snapshot bytes(const address_range& part) const;
    /// bytes(part).view()
    cow_view view(const address_range& part) const { return bytes(part).view(); }

    /// Puts what was captured of `parts` back into a process, this one or a copy of it: of each page that differs, or
    /// cannot be read, all that lies in `parts`, equal bytes among them; nothing else is written. What should be
    /// written and was not captured, is not mapped or may not be written (see process_memory_options::force_write)
    /// fails, and the rest goes on. Pause the target: what it changes between the comparison and the writing is lost in
    /// a page that differed, and stays in any other. memory_error if the process has ended.
    write_back_result write_back(const process_memory& to, std::span<const address_range> parts) const;
    /// The same for all of ranges().
    write_back_result write_back(const process_memory& to) const { return write_back(to, ranges()); }

    /// Writes a file for load(), as snapshot::save() does: sparse, all or nothing; but one that its owner alone may
    /// read. An address space laid out by pages of another size can be loaded too.
    void save(const std::filesystem::path& path) const;
    /// file_error if the file is not one that save() has written, to the last byte.
    static process_snapshot load(const std::filesystem::path& path);

    /// Writes an ELF core file, as said of write_core(): what was captured, what was mapped from which file, the
    /// auxiliary vector, and the registers of each thread if it was captured under a pause. What was not captured is
    /// named in it, without its bytes. The stream is neither flushed nor closed, and nothing seeks in it, so a filter
    /// that compresses will do; a file is sparse, for its owner only, and all or nothing.
    /// memory_error: EIO if the stream fails; EOPNOTSUPP for the registers of a program of another word size than ours.
    core_summary save_core(std::ostream& out, const core_progress& progress = {}) const;
    /// file_error too.
    core_summary save_core(const std::filesystem::path& path, const core_progress& progress = {}) const;

    /// Both share; a moved-from process_snapshot is unchanged.
    /// @{
    process_snapshot(const process_snapshot&) noexcept = default;
    process_snapshot& operator=(const process_snapshot&) noexcept = default;
    /// @}

private:
    struct state;
    explicit process_snapshot(std::shared_ptr<const state> s) noexcept : state_(std::move(s)) {}

    std::shared_ptr<const state> state_;
};

}  // namespace vmio
