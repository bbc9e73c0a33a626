// SPDX-License-Identifier: BSL-1.0
/// The memory of a process that has left a core file.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/types.h>

#include <vmio/address.hpp>
#include <vmio/detail/config.hpp>
#include <vmio/mapping.hpp>
#include <vmio/memory_gap.hpp>
#include <vmio/thread_registers.hpp>

namespace vmio {

/// An ELF core file as a memory: the kernel's (core(5)), gcore's, or one of write_core(). Copies are cheap and share
/// the open file; all members are thread-safe. A position is an address of the process, whatever program and machine of
/// this byte order it was of, 32 or 64 bits.
///
/// **Only what the file holds can be read.** The kernel and gcore leave out what the program had not changed of its
/// files, code above all, and the kernel writes of a mapped ELF file the first page only: all that is a gap
/// (gap_reason::not_dumped) and gives EFAULT, never zeros. A debugger takes it from the files; mappings() names them.
/// A file that was cut off, by RLIMIT_CORE or a full disk, opens all the same: what its end held is a gap too
/// (gap_reason::cut_off).
///
/// The file is not trusted: whatever stands in it, a wrong answer is the worst that comes of it. It is read as it is at
/// the time of the call; one that shrinks later gives EIO.
class VMIO_EXPORT core_memory {
public:
    /// Reads headers and notes, not memory. file_error: that of open(2), EINVAL for something else than a core file,
    /// EBADMSG for one that makes no sense or ends before its segments are known, EOPNOTSUPP for one of the other byte
    /// order.
    static core_memory open(const std::filesystem::path&);

    /// memory_reader. EFAULT in a gap and where nothing was mapped. One pread(2) for each segment that is touched.
    std::size_t read_some(address where, std::span<std::byte> to, std::error_code& ec) const noexcept;
    /// For errors: see naming.
    static const char* read_operation() noexcept { return "read of a core file"; }

    /// What can be read: sorted, neighbours joined.
    const std::vector<address_range>& ranges() const noexcept;
    /// What was mapped and cannot be read, sorted.
    const std::vector<memory_gap>& gaps() const noexcept;
    /// The file ends before its headers say so.
    bool cut_off() const noexcept;

    /// One for each segment of the file, by address; write_core() makes several of a mapping with gaps. Name and offset
    /// are those of a mapped file. What a core file does not tell stays empty: device, inode, whether it was shared,
    /// and names like [heap]. A file that has no segment has no permissions.
    const std::vector<mapping>& mappings() const noexcept;

    /// 0 if the file does not say.
    pid_t process_id() const noexcept;
    /// The first 15 bytes of the program's name, and 79 of its command line.
    /// @{
    const std::string& program() const noexcept;
    const std::string& arguments() const noexcept;
    /// @}
    /// The signal that made the kernel write it; 0 for none.
    int signal() const noexcept { return threads().empty() ? 0 : threads().front().signal; }

    /// In the order of the file: first the one that got the signal. Their sets are all notes that belong to a thread,
    /// NT_SIGINFO too. None if it was written while the program ran.
    const std::vector<thread_registers>& threads() const noexcept;
    /// What the kernel told the program at its start: getauxval(3), in words of the program's size.
    std::span<const std::byte> auxiliary_vector() const noexcept;

    /// elf(5), e_machine.
    unsigned machine() const noexcept;
    /// 4 or 8.
    unsigned word_size() const noexcept;

    /// Both share; a moved-from core_memory is unchanged.
    /// @{
    core_memory(const core_memory&) noexcept = default;
    core_memory& operator=(const core_memory&) noexcept = default;
    /// @}

private:
    struct state;
    explicit core_memory(std::shared_ptr<const state> s) noexcept : state_(std::move(s)) {}

    std::shared_ptr<const state> state_;
};

}  // namespace vmio
