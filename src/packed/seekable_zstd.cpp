// SPDX-License-Identifier: BSL-1.0
#include "packed/seekable_zstd.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "base/system_error.hpp"

#ifdef VMIO_WITH_ZSTD
#include <zstd.h>
#endif

namespace vmio::detail {
namespace {

constexpr std::size_t most_kept_bytes = most_frame_content;
constexpr std::size_t most_kept_frames = 32;
constexpr std::size_t most_workplaces = 4;

#ifdef VMIO_WITH_ZSTD
struct free_context {
    void operator()(ZSTD_DCtx* context) const noexcept { ::ZSTD_freeDCtx(context); }
};
#endif

}  // namespace

#ifdef VMIO_WITH_ZSTD

bool has_zstd() noexcept {
    return true;
}

struct seekable_zstd::workplace {
    std::unique_ptr<ZSTD_DCtx, free_context> context{::ZSTD_createDCtx()};
    bytes stored;

    std::error_code unpack_to(std::span<std::byte> to) {
        if (!context) return system_error_of(ENOMEM);
        const std::size_t size =
            ::ZSTD_decompressDCtx(context.get(), to.data(), to.size(), stored.data(), stored.size());
        return ::ZSTD_isError(size) != 0 || size != to.size() ? system_error_of(EBADMSG) : std::error_code();
    }
};

#else

bool has_zstd() noexcept {
    return false;
}

struct seekable_zstd::workplace {
    bytes stored;
    std::error_code unpack_to(std::span<std::byte>) const noexcept { return system_error_of(EOPNOTSUPP); }
};

#endif

seekable_zstd::seekable_zstd(std::shared_ptr<const byte_source> file, std::vector<frame_start>&& starts) noexcept
    : file_(std::move(file)), starts_(std::move(starts)) {}

seekable_zstd::~seekable_zstd() = default;

std::size_t seekable_zstd::read_some(std::uint64_t offset, std::span<std::byte> to, std::error_code& ec) const noexcept
    try {
    ec.clear();
    if (offset >= size() || to.empty()) return 0;
    // Of frames without content, which begin at the same byte, the one behind them has it.
    const auto next = std::upper_bound(starts_.begin(), starts_.end(), offset,
                                       [](std::uint64_t at, const frame_start& s) { return at < s.content; });
    const auto index = static_cast<std::size_t>(next - starts_.begin()) - 1;
    const auto in_frame = static_cast<std::size_t>(offset - starts_[index].content);
    const auto frame_size = static_cast<std::size_t>(next->content - starts_[index].content);
    const std::size_t size = std::min(frame_size - in_frame, to.size());
    std::shared_ptr<const bytes> content = kept(index);
    if (!content && size == frame_size) {  // nothing of it is left to be read
        ec = unpack(index, to.first(size));
        return ec ? 0 : size;
    }
    if (!content) {
        auto unpacked = std::make_shared<bytes>(frame_size);
        ec = unpack(index, *unpacked);
        if (ec) return 0;
        content = std::move(unpacked);
        keep(index, content);
    }
    std::memcpy(to.data(), content->data() + in_frame, size);
    return size;
} catch (const std::bad_alloc&) {
    ec = system_error_of(ENOMEM);
    return 0;
}

std::error_code seekable_zstd::unpack(std::size_t index, std::span<std::byte> to) const {
    std::unique_ptr<workplace> place = take_workplace();
    place->stored.resize(static_cast<std::size_t>(starts_[index + 1].stored - starts_[index].stored));
    std::error_code ec;
    for (std::span<std::byte> rest = place->stored; !rest.empty();) {
        const std::uint64_t done = place->stored.size() - rest.size();
        const std::size_t got = file_->read_some(starts_[index].stored + done, rest, ec);
        if (ec) return ec;
        if (got == 0) return system_error_of(EIO);
        rest = rest.subspan(got);
    }
    ec = place->unpack_to(to);
    put_back(std::move(place));
    return ec;
}

auto seekable_zstd::kept(std::size_t index) const -> std::shared_ptr<const bytes> {
    const std::lock_guard lock(mutex_);
    for (kept_frame& frame : kept_)
        if (frame.index == index) {
            frame.last_use = ++uses_;
            return frame.content;
        }
    return nullptr;
}

void seekable_zstd::keep(std::size_t index, std::shared_ptr<const bytes> content) const {
    const std::lock_guard lock(mutex_);
    std::size_t size = content->size();
    for (const kept_frame& frame : kept_) size += frame.content->size();
    const auto by_use = [](const auto& a, const auto& b) { return a.last_use < b.last_use; };
    while (!kept_.empty() && (size > most_kept_bytes || kept_.size() >= most_kept_frames)) {
        const auto oldest = std::min_element(kept_.begin(), kept_.end(), by_use);
        size -= oldest->content->size();
        kept_.erase(oldest);
    }
    kept_.push_back({index, ++uses_, std::move(content)});
}

auto seekable_zstd::take_workplace() const -> std::unique_ptr<workplace> {
    {
        const std::lock_guard lock(mutex_);
        if (!workplaces_.empty()) {
            std::unique_ptr<workplace> place = std::move(workplaces_.back());
            workplaces_.pop_back();
            return place;
        }
    }
    return std::make_unique<workplace>();
}

void seekable_zstd::put_back(std::unique_ptr<workplace> place) const {
    const std::lock_guard lock(mutex_);
    if (workplaces_.size() < most_workplaces) workplaces_.push_back(std::move(place));
}

}  // namespace vmio::detail
