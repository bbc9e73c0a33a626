// SPDX-License-Identifier: BSL-1.0
#include <algorithm>
#include <limits>
#include <new>

#include "packed/stream_decoder.hpp"

#ifdef VMIO_WITH_ZLIB
#define ZLIB_CONST
#include <zlib.h>
#endif

namespace vmio::detail {

#ifdef VMIO_WITH_ZLIB
namespace {

class gzip_decoder final : public stream_decoder {
public:
    gzip_decoder() {
        constexpr int gzip_only = 16;
        if (::inflateInit2(&stream_, gzip_only + MAX_WBITS) != Z_OK) throw std::bad_alloc();
    }
    ~gzip_decoder() override { ::inflateEnd(&stream_); }

    result unpack(std::span<const std::byte>& in, std::span<std::byte>& out) override {
        if (at_end_) {  // another member follows
            ::inflateReset(&stream_);
            at_end_ = false;
        }
        constexpr std::size_t most = std::numeric_limits<uInt>::max();
        const std::size_t in_size = std::min(in.size(), most);
        const std::size_t out_size = std::min(out.size(), most);
        stream_.next_in = reinterpret_cast<const Bytef*>(in.data());
        stream_.avail_in = static_cast<uInt>(in_size);
        stream_.next_out = reinterpret_cast<Bytef*>(out.data());
        stream_.avail_out = static_cast<uInt>(out_size);
        const int status = ::inflate(&stream_, Z_NO_FLUSH);
        in = in.subspan(in_size - stream_.avail_in);
        out = out.subspan(out_size - stream_.avail_out);
        if (status == Z_MEM_ERROR) throw std::bad_alloc();
        at_end_ = status == Z_STREAM_END;
        if (at_end_) return result::end_of_frame;
        return status == Z_OK || status == Z_BUF_ERROR ? result::more : result::damaged;
    }

private:
    z_stream stream_{};
    bool at_end_ = false;
};

}  // namespace

std::unique_ptr<stream_decoder> make_gzip_decoder() {
    return std::make_unique<gzip_decoder>();
}

#else

std::unique_ptr<stream_decoder> make_gzip_decoder() {
    return nullptr;
}

#endif

}  // namespace vmio::detail
