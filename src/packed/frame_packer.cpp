// SPDX-License-Identifier: BSL-1.0
#include "packed/frame_packer.hpp"

#include <algorithm>
#include <memory>
#include <new>
#include <utility>

#include <sched.h>

#include "base/cancellation.hpp"

#ifdef VMIO_WITH_ZSTD
#include <zstd.h>
#endif

namespace vmio::detail {
namespace {

constexpr unsigned most_packing_threads = 16;

unsigned processors() noexcept {
    cpu_set_t set;
    const int count = ::sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return static_cast<unsigned>(std::max(count, 1));
}

/// Waits with a lock; waiting for a condition would be a cancellation point.
template <class Until>
void wait(std::condition_variable& condition, std::unique_lock<std::mutex>& lock, Until until) {
    const cancellation_disabled now;
    condition.wait(lock, until);
}

}  // namespace

#ifdef VMIO_WITH_ZSTD

class frame_packer::compressor {
public:
    explicit compressor(int level) noexcept {
        if (!context_) return;
        ::ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, level);
        ::ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1);
    }

    bool pack(slot& s) noexcept try {
        if (!context_) return false;
        s.packed.resize(::ZSTD_compressBound(s.content.size()));
        const std::size_t size =
            ::ZSTD_compress2(context_.get(), s.packed.data(), s.packed.size(), s.content.data(), s.content.size());
        if (::ZSTD_isError(size) != 0) return false;
        s.packed_size = size;
        return true;
    } catch (const std::bad_alloc&) {
        return false;
    }

private:
    struct deleter {
        void operator()(ZSTD_CCtx* context) const noexcept { ::ZSTD_freeCCtx(context); }
    };
    std::unique_ptr<ZSTD_CCtx, deleter> context_{::ZSTD_createCCtx()};
};

#else

class frame_packer::compressor {
public:
    explicit compressor(int) noexcept {}
    bool pack(slot&) const noexcept { return false; }
};

#endif

frame_packer::frame_packer(output to, int level, unsigned threads)
    : output_(std::move(to)),
      level_(level),
      most_threads_(std::min(threads == 0 ? processors() : threads, most_packing_threads)),
      slots_(2 * std::size_t{most_threads_} + 1) {
    threads_.reserve(most_threads_);
    for (slot& s : slots_) s.content.reserve(frame_content);
}

frame_packer::~frame_packer() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    has_work_.notify_all();
}

void frame_packer::write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        std::vector<std::byte>& content = slot_of(filled_).content;
        const auto some = bytes.first(std::min(bytes.size(), frame_content - content.size()));
        content.insert(content.end(), some.begin(), some.end());
        bytes = bytes.subspan(some.size());
        if (content.size() == frame_content) submit();
    }
}

void frame_packer::finish() {
    if (!slot_of(filled_).content.empty()) submit();
    while (written_ < filled_) put_out_next();
    output_(make_seek_table(starts_));
}

void frame_packer::submit() {
    if (threads_.size() < most_threads_) start_thread();
    slot& s = slot_of(filled_++);
    if (threads_.empty()) {
        s.at = compressor(level_).pack(s) ? stage::packed : stage::failed;
        ++submitted_;
        ++taken_;
    } else {
        {
            const std::lock_guard lock(mutex_);
            s.at = stage::filled;
            ++submitted_;
        }
        has_work_.notify_one();
    }
    while (filled_ - written_ == slots_.size()) put_out_next();
}

void frame_packer::put_out_next() {
    slot& s = slot_of(written_);
    {
        std::unique_lock lock(mutex_);
        wait(has_result_, lock, [&] { return s.at == stage::packed || s.at == stage::failed; });
    }
    if (s.at == stage::failed) throw std::bad_alloc();
    output_(std::span(s.packed).first(s.packed_size));
    const frame_start& last = starts_.back();
    starts_.push_back({last.stored + s.packed_size, last.content + s.content.size()});
    s.content.clear();
    s.at = stage::empty;
    ++written_;
}

void frame_packer::start_thread() {
    worker_thread thread;
    if (run_in(thread, [this] { work(); })) threads_.push_back(std::move(thread));
}

void frame_packer::work() {
    compressor own(level_);
    std::unique_lock lock(mutex_);
    for (;;) {
        wait(has_work_, lock, [&] { return stop_ || taken_ < submitted_; });
        if (stop_) return;
        slot& s = slot_of(taken_++);
        lock.unlock();
        const bool is_packed = own.pack(s);
        lock.lock();
        s.at = is_packed ? stage::packed : stage::failed;
        has_result_.notify_one();
    }
}

}  // namespace vmio::detail
