// SPDX-License-Identifier: BSL-1.0
/// Packing what is written.
#pragma once

#include <iosfwd>
#include <memory>
#include <ostream>

#include <vmio/detail/config.hpp>

namespace vmio {

/// Options of a packing_ostream.
struct packing_options {
    int level = 1;         ///< zstd's: higher is smaller and slower; 1 packs memory well
    unsigned threads = 0;  ///< that pack, at most 16; 0: one for each processor that this process may use
};

/// A stream that packs what is written to it by zstd: write_core(target, packing). `zstd -d` unpacks the result, and
/// core_memory reads it as it is: it consists of frames of 256 KiB that can be unpacked one by one, and a table of them
/// (zstd's seekable format). Not thread-safe.
///
/// Cost: the threads are started with the first frame and end with the object; three frames for each are kept.
class VMIO_EXPORT packing_ostream : public std::ostream {
public:
    /// Packs into `to`, which is written by the calling thread only and must outlive this object.
    /// Errors: memory_error with EOPNOTSUPP if this build of the library lacks zstd: see available().
    explicit packing_ostream(std::ostream& to, const packing_options& = {});
    /// Moves nothing: threads refer to the object.
    packing_ostream(const packing_ostream&) = delete;
    packing_ostream& operator=(const packing_ostream&) = delete;
    /// Without finish() the packed data is not complete.
    ~packing_ostream() override;

    /// Writes what is left, and the table; nothing may be written afterwards.
    /// Errors: memory_error with EIO if `to` fails, or this stream has failed.
    void finish();

    /// Whether this build of the library can pack.
    static bool available() noexcept;

private:
    struct buffer;
    std::unique_ptr<buffer> buffer_;
};

}  // namespace vmio
