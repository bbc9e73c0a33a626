// SPDX-License-Identifier: BSL-1.0
/// Packing by zstd, in frames that can be unpacked one by one.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <vector>

#include "base/worker_thread.hpp"
#include "packed/seek_table.hpp"

namespace vmio::detail {

/// Packs what is written to it into frames of frame_content bytes, on threads of its own; the calling thread fills the
/// frames and gives the packed ones to `output`, in order. No more than two frames a thread wait. If threads cannot be
/// started, the calling thread packs.
class frame_packer {
public:
    using output = std::function<void(std::span<const std::byte>)>;

    static constexpr std::size_t frame_content = std::size_t{1} << 18;

    /// `threads`: 0 for one a processor that this process may use.
    frame_packer(output, int level, unsigned threads);
    frame_packer(const frame_packer&) = delete;
    frame_packer& operator=(const frame_packer&) = delete;
    /// Without finish() what `output` has got is not complete.
    ~frame_packer();

    /// Errors: those of `output`; std::bad_alloc. After one, only the destructor may be called.
    /// @{
    void write(std::span<const std::byte>);
    /// Writes the rest, and the table of the frames.
    void finish();
    /// @}

private:
    enum class stage { empty, filled, packed, failed };
    struct slot {
        std::vector<std::byte> content;
        std::vector<std::byte> packed;  // its size is that of the largest result
        std::size_t packed_size = 0;
        stage at = stage::empty;
    };
    class compressor;

    void submit();
    void put_out_next();
    void start_thread();
    void work();
    slot& slot_of(std::uint64_t frame) noexcept { return slots_[static_cast<std::size_t>(frame % slots_.size())]; }

    const output output_;
    const int level_;
    const unsigned most_threads_;
    std::vector<slot> slots_;
    std::vector<frame_start> starts_{frame_start{}};
    std::uint64_t filled_ = 0;   // frames, of the calling thread
    std::uint64_t written_ = 0;  // the same

    std::mutex mutex_;  // of what follows, and of slot::at
    std::condition_variable has_work_;
    std::condition_variable has_result_;
    std::uint64_t submitted_ = 0;
    std::uint64_t taken_ = 0;
    bool stop_ = false;

    std::vector<worker_thread> threads_;
};

}  // namespace vmio::detail
