// SPDX-License-Identifier: BSL-1.0
#include "core/core_sink.hpp"

#include <algorithm>
#include <cerrno>

#include <vmio/error.hpp>

#include "base/file_writing.hpp"
#include "walk/simd_find.hpp"

namespace vmio::detail {
namespace {

constexpr std::size_t block = 4096;  // the smallest hole of common file systems

/// The bytes up to the next block boundary of the file.
std::span<const std::byte> first_block(std::span<const std::byte> bytes, std::uint64_t at) {
    return bytes.first(std::min<std::size_t>(bytes.size(), block - at % block));
}

}  // namespace

void stream_core_sink::write(std::span<const std::byte> bytes) {
    const std::error_code ec = write_to_stream(out_, bytes);
    if (ec) throw memory_error("write of a core file", 0, 0, ec);
}

void stream_core_sink::skip(std::uint64_t size) {
    static constexpr std::byte zeros[std::size_t{1} << 16]{};
    for (; size > 0; size -= std::min<std::uint64_t>(size, sizeof zeros))
        write(std::span(zeros).first(static_cast<std::size_t>(std::min<std::uint64_t>(size, sizeof zeros))));
}

void file_core_sink::write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        std::size_t data = 0;
        std::size_t zeros = 0;
        while (data < bytes.size()) {
            const auto next = first_block(bytes.subspan(data), at_ + data);
            zeros = is_zero(next) ? next.size() : 0;
            if (zeros > 0) break;
            data += next.size();
        }
        file_.write(at_, bytes.first(data));
        at_ += data + zeros;
        bytes = bytes.subspan(data + zeros);
    }
}

}  // namespace vmio::detail
