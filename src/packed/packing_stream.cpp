// SPDX-License-Identifier: BSL-1.0
#include <vmio/packing_stream.hpp>

#include <cerrno>
#include <streambuf>

#include <vmio/error.hpp>

#include "base/file_writing.hpp"
#include "base/system_error.hpp"
#include "packed/frame_packer.hpp"
#include "packed/seekable_zstd.hpp"

namespace vmio {
namespace {

constexpr const char* packing = "write of packed data";

}  // namespace

struct VMIO_HIDDEN packing_ostream::buffer final : std::streambuf {
    buffer(std::ostream& to, const packing_options& how)
        : packer(
              [&to](std::span<const std::byte> bytes) {
                  const std::error_code ec = detail::write_to_stream(to, bytes);
                  if (ec) throw memory_error(packing, 0, 0, ec);
              },
              how.level, how.threads) {}

    std::streamsize xsputn(const char* from, std::streamsize size) override {
        packer.write(std::as_bytes(std::span(from, static_cast<std::size_t>(size))));
        return size;
    }
    int_type overflow(int_type c) override {
        if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
        const char byte = traits_type::to_char_type(c);
        xsputn(&byte, 1);
        return c;
    }

    detail::frame_packer packer;
};

packing_ostream::packing_ostream(std::ostream& to, const packing_options& how) : std::ostream(nullptr) {
    if (!available())
        throw memory_error(packing, 0, 0, detail::system_error_of(EOPNOTSUPP), "vmio was built without zstd");
    buffer_ = std::make_unique<buffer>(to, how);
    rdbuf(buffer_.get());
}

packing_ostream::~packing_ostream() = default;

void packing_ostream::finish() {
    if (!good()) throw memory_error(packing, 0, 0, detail::system_error_of(EIO));
    buffer_->packer.finish();
}

bool packing_ostream::available() noexcept {
    return detail::has_zstd();
}

}  // namespace vmio
