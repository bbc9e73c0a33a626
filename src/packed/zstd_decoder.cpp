// SPDX-License-Identifier: BSL-1.0
#include <new>

#include "packed/stream_decoder.hpp"

#ifdef VMIO_WITH_ZSTD
#include <zstd.h>
#endif

namespace vmio::detail {

#ifdef VMIO_WITH_ZSTD
namespace {

/// Refuses frames that need a window of more than 128 MiB, zstd's own limit.
class zstd_decoder final : public stream_decoder {
public:
    zstd_decoder() {
        if (!context_) throw std::bad_alloc();
    }

    result unpack(std::span<const std::byte>& in, std::span<std::byte>& out) override {
        ZSTD_inBuffer from{in.data(), in.size(), 0};
        ZSTD_outBuffer to{out.data(), out.size(), 0};
        const std::size_t status = ::ZSTD_decompressStream(context_.get(), &to, &from);
        in = in.subspan(from.pos);
        out = out.subspan(to.pos);
        if (::ZSTD_isError(status) != 0) return result::damaged;
        return status == 0 ? result::end_of_frame : result::more;
    }

private:
    struct deleter {
        void operator()(ZSTD_DCtx* context) const noexcept { ::ZSTD_freeDCtx(context); }
    };
    std::unique_ptr<ZSTD_DCtx, deleter> context_{::ZSTD_createDCtx()};
};

}  // namespace

std::unique_ptr<stream_decoder> make_zstd_decoder() {
    return std::make_unique<zstd_decoder>();
}

#else

std::unique_ptr<stream_decoder> make_zstd_decoder() {
    return nullptr;
}

#endif

}  // namespace vmio::detail
