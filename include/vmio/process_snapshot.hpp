// SPDX-License-Identifier: BSL-1.0
/// An immutable copy of a process: its memory, mappings and registers.
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
#include <utility>
#include <vector>

#include <sys/types.h>

#include <vmio/address.hpp>
#include <vmio/capture_options.hpp>
#include <vmio/core_progress.hpp>
#include <vmio/cow_view.hpp>
#include <vmio/detail/config.hpp>
#include <vmio/detail/read_all.hpp>
#include <vmio/memory_gap.hpp>
#include <vmio/memory_map.hpp>
#include <vmio/process.hpp>
#include <vmio/process_memory.hpp>
#include <vmio/snapshot.hpp>
#include <vmio/thread_registers.hpp>

namespace vmio {

namespace detail {
struct capture_access;
}

/// A range that write_back() could not write, and the error.
struct write_failure {
    address_range range;    ///< bytes that were not written
    std::error_code error;  ///< EFAULT also if the range was not captured
};

/// The result of process_snapshot::write_back().
struct write_back_result {
    std::uint64_t written = 0;          ///< bytes, in pages that differed or could not be read
    std::vector<write_failure> failed;  ///< sorted; adjacent ranges with the same error are joined
};

/// The captured memory of a process, with its mappings, registers and other attributes. It is a *memory* whose
/// addresses are those of the process; devices, streams and scanners accept it in place of the process itself.
///
/// Only pages that hold data are stored, in a sealed memfd (see snapshot); pages known to be zero are holes in it.
/// Immutable; copies are cheap and share everything; all members are thread-safe.
///
/// Races: without capture_options::pause the capture is not of a single moment. Mappings are captured by address, each
/// as it is when it is reached, and its pages one after the other. Memory that is unmapped before it was read is a gap.
class VMIO_EXPORT process_snapshot {
public:
    /// Captures the memory of a process. It is read as by region_reader, with the same effects on the target: no page
    /// becomes present, except the few pages of [vdso] and of the command line if they are swapped out.
    /// Errors: memory_error: ESRCH if the process has ended, ESTALE after exec(2), EACCES or EPERM if the caller may
    /// not read or pause it; ENOMEM.
    /// @{
    static process_snapshot capture(const process& target, const capture_options& options = {});
    static process_snapshot capture(const process_memory& memory, const capture_options& options = {});
    /// @}

    /// Returns: the captured ranges, sorted, adjacent ranges joined, gaps excluded.
    std::span<const address_range> ranges() const noexcept;
    /// Returns: the ranges that were selected and could not be captured, sorted.
    std::span<const memory_gap> gaps() const noexcept;
    /// Returns: the parts of ranges() whose bytes are stored, sorted; the rest of ranges() is zero.
    std::span<const address_range> stored() const noexcept;
    /// Returns: the memory it takes, in bytes: whole pages; including what it shares.
    std::uint64_t memory_used() const noexcept;

    /// Returns: all mappings of the process, captured or not, except [vsyscall].
    const memory_map& map() const noexcept;
    /// The build ID of the ELF file that `m` maps, provided that some mapping of that file is executable, or of [vdso].
    /// Precondition: `m` is an element of map().
    /// Returns: the build ID; empty if there is none.
    std::span<const std::byte> build_id(const mapping& m) const noexcept;

    /// Returns: the PID at the time of the capture; it may have been recycled since.
    pid_t process_id() const noexcept;
    /// The program's name, at most 15 bytes, and its command line, arguments separated by spaces.
    /// @{
    const std::string& program() const noexcept;
    const std::string& arguments() const noexcept;
    /// @}
    /// Returns: the auxiliary vector: proc_pid_auxv(5).
    std::span<const std::byte> auxiliary_vector() const noexcept;
    /// Returns: the registers of the threads that were paused; empty without a pause.
    const std::vector<thread_registers>& threads() const noexcept;
    /// Returns: the time of the pause; without a pause, that of the beginning of the capture.
    std::chrono::system_clock::time_point time() const noexcept;
    /// Whether the target was paused, so that the whole capture is of a single moment.
    bool paused() const noexcept;

    /// Whether it was captured from a frozen copy (capture_options::frozen_copy): a child that the target is made to
    /// have by clone(2) in one of its threads while all are paused. It shares the pages of private memory until one of
    /// them is written, never runs, and ends with the capture, also if the calling process is killed. Then the target
    /// is paused a second time, for a moment, so that it takes the child's exit status. It sees no signal and no result
    /// of wait(2), except with __WALL or __WCLONE; and one system call may return EINTR, as after SIGSTOP:
    /// nanosleep(2), poll(2), futex(2) with a time limit.
    ///
    /// Not of the moment of the pause: memory shared with other processes, unless capture_options::frozen_shared.
    /// Memory that fork(2) does not copy (MADV_DONTFORK, MADV_WIPEONFORK) is copied during the pause. A page that the
    /// target writes meanwhile exists twice until the end; if memory runs out, the kernel kills the copy first
    /// (ENOMEM). A descriptor that the target closes by ending or by exec(2) stays open until the end.
    ///
    /// It cannot be had, and a paused capture is made: where no call can be made in the target (another machine than
    /// x86-64 and arm64; 32-bit programs; a seccomp filter, unless the caller may suspend it, CAP_SYS_ADMIN); where the
    /// kernel refuses a process or its memory (RLIMIT_NPROC, pids.max, vm.overcommit_memory); where the target serves
    /// its own page faults.
    bool frozen_copy() const noexcept;
    /// Returns: why there is no frozen copy though it was asked for; empty otherwise, and after load().
    const std::string& frozen_copy_refusal() const noexcept;
    /// Returns: for how long the target was paused, in total.
    std::chrono::nanoseconds pause_time() const noexcept;

    /// See memory_reader. Reads at most to the end of one of ranges().
    /// Errors: EFAULT where nothing was captured.
    std::size_t read_some(address from, std::span<std::byte> to, std::error_code& ec) const noexcept;
    /// For errors: see naming.
    const char* read_operation() const noexcept { return "read of a captured process"; }

    /// Reads all bytes of `to`, or one value.
    /// Errors: memory_error if any byte cannot be read.
    /// @{
    void read(address from, std::span<std::byte> to) const;
    template <class T>
    T read_value(address from) const {
        return detail::read_value<T>(*this, from);
    }
    /// @}

    /// Returns: the bytes of `part` as a snapshot, in which part.start() is offset 0. Gaps are zero.
    /// Errors: std::invalid_argument unless `part` is whole pages; std::out_of_range unless it lies in adjacent
    /// mappings that were captured. Cost: no bytes are copied; both share them. But for pages that differ from those of
    /// the capture that checkpoint::advance() began with.
    snapshot bytes(const address_range& part) const;
    /// Returns: bytes(part).view()
    cow_view view(const address_range& part) const { return bytes(part).view(); }

    /// Writes the captured bytes of `parts` to a process: the captured one or a copy of it. In each page that differs
    /// or cannot be read, all bytes within `parts` are written, including equal ones; other pages are not written.
    /// Returns: the number of bytes written, and the ranges that failed: those that were not captured, are not mapped,
    /// or may not be written (see process_memory_options::force_write). The remaining ranges are written all the same.
    /// Errors: memory_error if the process has ended.
    /// Races: pause the target. Changes that it makes between the comparison and the write are overwritten in the pages
    /// that are written, and remain in all other pages.
    write_back_result write_back(const process_memory& to, std::span<const address_range> parts) const;
    /// Writes all of ranges(), otherwise the same.
    write_back_result write_back(const process_memory& to) const { return write_back(to, ranges()); }

    /// Writes a file for load(), as snapshot::save() does: sparse and atomic. Only its owner may read it. It can also
    /// be loaded on a machine with another page size.
    void save(const std::filesystem::path& path) const;
    /// Reads a file written by save().
    /// Errors: file_error if the file is not exactly one that save() has written.
    static process_snapshot load(const std::filesystem::path& path);

    /// Writes an ELF core file, see write_core(): the captured memory, the names of mapped files, the auxiliary vector,
    /// and the registers of each thread if the capture was made under a pause. Memory that was not captured is listed
    /// without its bytes. The stream is written without seeking, so it may be a compressing filter, and is neither
    /// flushed nor closed.
    /// Errors: memory_error: EIO if the stream fails; EOPNOTSUPP for the registers of a program whose word size differs
    /// from this one's.
    core_summary save_core(std::ostream& out, const core_progress& progress = {}) const;
    /// Writes a file that is sparse, readable by its owner only, and atomic. Errors: also file_error.
    core_summary save_core(const std::filesystem::path& path, const core_progress& progress = {}) const;

    /// Copies share the data; a moved-from process_snapshot is unchanged.
    /// @{
    process_snapshot(const process_snapshot&) noexcept = default;
    process_snapshot& operator=(const process_snapshot&) noexcept = default;
    /// @}

private:
    friend struct detail::capture_access;
    struct state;
    explicit process_snapshot(std::shared_ptr<const state> s) noexcept : state_(std::move(s)) {}

    std::shared_ptr<const state> state_;
};

}  // namespace vmio
