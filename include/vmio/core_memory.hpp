// SPDX-License-Identifier: BSL-1.0
/// Reading core files.
#pragma once

#include <bit>
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
/// the open file; a moved-from core_memory is unchanged; all members are thread-safe. A position is an address of the
/// process, which may be of any machine, 32 or 64 bits, of either byte order. Bytes, register sets and the auxiliary
/// vector are those of the file, in byte_order(); numbers that members return are numbers.
///
/// **Only the bytes of the file can be read.** The kernel and gcore leave out the unchanged parts of mapped files, such
/// as code, and of a mapped ELF file the kernel writes the first page only. These parts are gaps
/// (gap_reason::not_dumped): reading them gives EFAULT, never zeros. A debugger reads them from the files, which
/// mappings() names. A truncated file (RLIMIT_CORE, a full disk) can be opened; its missing end is a gap, too
/// (gap_reason::cut_off).
///
/// A file may be packed. One in frames of zstd with a table of them (packing_ostream, `vmdump --pack`, zstd's seekable
/// format) is unpacked as it is read: a read unpacks the frames that it touches, of 256 KiB with packing_ostream, and
/// at most 16 MiB of them are kept. Other zstd and gzip files are unpacked when they are opened, into an unnamed file
/// in TMPDIR or /tmp, or in memory, with holes for zeros, but no further than the program headers say. Damaged data is
/// an error, and so is packed data that lacks its end. A build of the library may lack libzstd or zlib: EOPNOTSUPP.
///
/// The file is not trusted: whatever it contains, the effect is at most a wrong answer; memory and time are bounded by
/// its size, if it is packed by that of its content. It is read at the time of each call; a file that shrinks later
/// gives EIO.
class VMIO_EXPORT core_memory {
public:
    /// Opens a file; reads its headers and notes, not its memory.
    /// Errors: file_error: those of open(2); EINVAL for anything but a core file; EBADMSG for an invalid one, or one
    /// that ends before its program headers do, or is packed and damaged; EOPNOTSUPP for one of an unknown word size or
    /// byte order, or that this library cannot unpack; those of pwrite(2), where a packed one has to be unpacked.
    static core_memory open(const std::filesystem::path&);

    /// See memory_reader. Errors: EFAULT in a gap and where nothing was mapped; EIO if the file has become shorter;
    /// EBADMSG and ENOMEM where a packed one is unpacked. Cost: one pread(2) for each segment, or frame.
    std::size_t read_some(address where, std::span<std::byte> to, std::error_code& ec) const noexcept;
    /// For errors: see naming.
    static const char* read_operation() noexcept { return "read of a core file"; }

    /// Returns: the ranges that can be read, sorted, neighbours joined.
    const std::vector<address_range>& ranges() const noexcept;
    /// Returns: the parts of ranges() for which the file has data, sorted; the rest of ranges() are holes of the file,
    /// which are zero. All of ranges() where the file system does not tell. Cost: two calls of lseek(2) for each part.
    std::vector<address_range> stored() const;
    /// Returns: the ranges that were mapped and cannot be read, sorted.
    const std::vector<memory_gap>& gaps() const noexcept;
    /// Whether the file ends before the end that its headers say.
    bool cut_off() const noexcept;

    /// Returns: one mapping for each segment of the file, by address; write_core() makes several of a mapping with
    /// gaps. Name and offset are those of a mapped file. What a core file does not say is empty: device, inode, whether
    /// the mapping was shared, and names such as [heap]; a mapped file without a segment has no permissions. All names
    /// together have no more bytes than the file: beyond that, in hostile files only, they are empty.
    const std::vector<mapping>& mappings() const noexcept;

    /// Returns: 0 if the file does not say.
    pid_t process_id() const noexcept;
    /// The first 15 bytes of the program's name, and the first 79 of its command line.
    /// @{
    const std::string& program() const noexcept;
    const std::string& arguments() const noexcept;
    /// @}
    /// Returns: the signal that made the kernel write the file; 0 for none.
    int signal() const noexcept { return threads().empty() ? 0 : threads().front().signal; }

    /// Returns: the threads in the order of the file: first the one that got the signal. Their sets are all notes that
    /// belong to a thread, NT_SIGINFO too; notes of the whole process, such as NT_X86_XSAVE_LAYOUT, are not among them.
    /// Empty if the file was written while the program ran.
    const std::vector<thread_registers>& threads() const noexcept;
    /// The auxiliary vector, getauxval(3), in words of the program's size and byte order.
    std::span<const std::byte> auxiliary_vector() const noexcept;

    /// The e_machine of the ELF header: elf(5).
    unsigned machine() const noexcept;
    /// Returns: 4 or 8 (bytes).
    unsigned word_size() const noexcept;
    /// Returns: the byte order of the process.
    std::endian byte_order() const noexcept;

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
