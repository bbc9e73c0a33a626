// SPDX-License-Identifier: BSL-1.0
/// An output file that appears when it is complete.
#pragma once

#include <filesystem>
#include <memory>
#include <ostream>

#include <vmio/detail/config.hpp>
#include <vmio/existing_file.hpp>

namespace vmio {

/// A stream to a new file, readable by its owner only, that appears at its path with commit(). It cannot be
/// positioned. Until then the file has no name where the file system supports that (O_TMPFILE), so that nothing of it
/// is left if the process is killed. write_core() to a packing_ostream to this stream makes a packed core file.
/// Not thread-safe.
class VMIO_EXPORT atomic_ofstream : public std::ostream {
public:
    /// Errors: file_error: that of open(2), or as `existing` says.
    explicit atomic_ofstream(const std::filesystem::path& path, existing_file existing = existing_file::replace);
    /// Moves nothing.
    atomic_ofstream(const atomic_ofstream&) = delete;
    atomic_ofstream& operator=(const atomic_ofstream&) = delete;
    /// Without commit() the file is removed.
    ~atomic_ofstream() override;

    /// Writes what is left and gives the file its name; nothing may be written afterwards.
    /// Errors: file_error: the first error of a write, as it was (ENOSPC, EFBIG ...); EEXIST.
    void commit();

private:
    struct buffer;
    std::unique_ptr<buffer> buffer_;
};

}  // namespace vmio
