// SPDX-License-Identifier: BSL-1.0
#include <vmio/atomic_ofstream.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>
#include <streambuf>

#include "base/atomic_file_writer.hpp"

namespace vmio {

struct VMIO_HIDDEN atomic_ofstream::buffer final : std::streambuf {
    buffer(const std::filesystem::path& path, existing_file existing) : file(path, "write of file", 0600, existing) {
        setp(bytes.data(), bytes.data() + bytes.size());
    }

    std::streamsize xsputn(const char* from, std::streamsize size) override {
        if (size < epptr() - pptr()) return std::streambuf::xsputn(from, size);
        write_out();
        write(from, size);
        return size;
    }
    int_type overflow(int_type c) override {
        write_out();
        if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
        *pptr() = traits_type::to_char_type(c);
        pbump(1);
        return c;
    }
    int sync() override {
        write_out();
        return 0;
    }

    void write_out() {
        const std::streamsize size = pptr() - pbase();
        setp(bytes.data(), bytes.data() + bytes.size());
        write(bytes.data(), size);
    }
    void write(const char* from, std::streamsize size) {
        if (failure) std::rethrow_exception(failure);  // what follows a part that is missing is of no use
        try {
            file.write(at, std::as_bytes(std::span(from, static_cast<std::size_t>(size))));
            at += static_cast<std::uint64_t>(size);
        } catch (...) {
            failure = std::current_exception();
            throw;
        }
    }

    detail::atomic_file_writer file;
    std::uint64_t at = 0;
    std::exception_ptr failure;
    std::array<char, std::size_t{1} << 16> bytes;
};

atomic_ofstream::atomic_ofstream(const std::filesystem::path& path, existing_file existing)
    : std::ostream(nullptr), buffer_(std::make_unique<buffer>(path, existing)) {
    rdbuf(buffer_.get());
}

atomic_ofstream::~atomic_ofstream() = default;

void atomic_ofstream::commit() {
    buffer_->write_out();
    buffer_->file.put_in_place();
}

}  // namespace vmio
