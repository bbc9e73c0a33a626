// SPDX-License-Identifier: BSL-1.0
/// Random reads of a file that zstd has packed in frames.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <system_error>
#include <vector>

#include "base/byte_source.hpp"
#include "base/input_file.hpp"
#include "packed/seek_table.hpp"

namespace vmio::detail {

/// The content of a file in zstd's seekable format. A read unpacks the frames that it touches; some are kept.
/// Errors: EBADMSG for a damaged frame; EIO if the file has become shorter; ENOMEM; those of pread(2).
class seekable_zstd final : public byte_source {
public:
    /// `starts`: see read_seek_table().
    seekable_zstd(std::shared_ptr<const byte_source> file, std::vector<frame_start>&& starts) noexcept;
    ~seekable_zstd() override;

    std::uint64_t size() const noexcept { return starts_.back().content; }
    /// Reads from one frame.
    std::size_t read_some(std::uint64_t offset, std::span<std::byte> to, std::error_code& ec) const noexcept override;

private:
    using bytes = std::vector<std::byte>;
    /// What unpacking needs, kept for the next frame.
    struct workplace;
    struct kept_frame {
        std::size_t index = 0;
        std::uint64_t last_use = 0;
        std::shared_ptr<const bytes> content;
    };

    std::error_code unpack(std::size_t index, std::span<std::byte> to) const;
    std::shared_ptr<const bytes> kept(std::size_t index) const;
    void keep(std::size_t index, std::shared_ptr<const bytes> content) const;
    std::unique_ptr<workplace> take_workplace() const;
    void put_back(std::unique_ptr<workplace>) const;

    std::shared_ptr<const byte_source> file_;
    std::vector<frame_start> starts_;
    mutable std::mutex mutex_;  // of what follows
    mutable std::vector<kept_frame> kept_;
    mutable std::uint64_t uses_ = 0;
    mutable std::vector<std::unique_ptr<workplace>> workplaces_;
};

/// Whether this build of the library can unpack zstd.
bool has_zstd() noexcept;

}  // namespace vmio::detail
