// SPDX-License-Identifier: BSL-1.0
#include "packed/packed_file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>

#include "base/file_writing.hpp"
#include "base/system_call.hpp"
#include "base/system_error.hpp"
#include "packed/seek_table.hpp"
#include "packed/seekable_zstd.hpp"
#include "packed/stream_decoder.hpp"

namespace vmio::detail {
namespace {

constexpr std::size_t read_size = std::size_t{1} << 17;
constexpr std::size_t write_size = std::size_t{1} << 16;  // also the smallest hole
/// So many bytes may follow what the limit knows of: a debugger's table of sections.
constexpr std::uint64_t tolerance = std::uint64_t{1} << 20;
/// The limit must be known from so many bytes: the headers of four million segments.
constexpr std::uint64_t most_first_bytes = std::uint64_t{1} << 28;

file_descriptor unnamed_file(const input_file& for_errors) {
    std::error_code ec;
    const std::filesystem::path directory = std::filesystem::temp_directory_path(ec);
    file_descriptor file(ec ? -1 : sys::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (!file) file = file_descriptor(::memfd_create("vmio-unpacked", MFD_CLOEXEC));
    if (!file) for_errors.fail(last_system_error().value(), "no room to unpack it");
    return file;
}

bool is_all_zero(std::span<const std::byte> bytes) {
    return bytes.front() == std::byte{0} && std::memcmp(bytes.data(), &bytes[1], bytes.size() - 1) == 0;
}

/// Unpacks all of a file.
class whole_unpacker {
public:
    whole_unpacker(const input_file& from, const content_limit& limit)
        : from_(from), limit_of_(limit), content_(std::make_shared<file_source>(unnamed_file(from))) {}

    input_file run(stream_decoder& decoder) {
        using result = stream_decoder::result;
        result last = result::more;
        std::vector<std::byte> in(read_size);
        std::span<const std::byte> left;
        std::uint64_t at = 0;
        while (!left.empty() || at < from_.size() || last == result::more) {
            if (left.empty() && at < from_.size()) {
                const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(read_size, from_.size() - at));
                if (!from_.read(at, std::span(in).first(size))) from_.fail(EBADMSG, "it became shorter meanwhile");
                left = std::span<const std::byte>(in).first(size);
                at += size;
            }
            std::span<std::byte> room = std::span(out_).subspan(used_);
            const std::size_t before = left.size();
            last = decoder.unpack(left, room);
            const std::size_t made = out_.size() - used_ - room.size();
            used_ += made;
            if (last == result::damaged) from_.fail(EBADMSG, "its packed data is damaged");
            if (made == 0 && left.size() == before && last == result::more)
                from_.fail(EBADMSG, "the end of its packed data is missing");
            if (room.empty()) flush();
        }
        flush();
        set_size();
        return from_.with_content(std::move(content_), size_);
    }

private:
    void flush() {
        if (used_ == 0) return;
        const std::span<const std::byte> bytes = std::span(out_).first(used_);
        if (!is_all_zero(bytes)) check(write_whole(content_->descriptor(), size_, bytes));
        size_ += used_;
        used_ = 0;
        if (!limit_ && size_ >= next_question_) ask();
        if (limit_ && size_ > *limit_ && size_ - *limit_ > tolerance)
            from_.fail(EBADMSG, "more is packed in it than its headers say");
    }
    void ask() {
        set_size();
        limit_ = limit_of_(from_.with_content(content_, size_));
        if (!limit_ && size_ >= most_first_bytes) from_.fail(EBADMSG, "its headers have no end");
        next_question_ = 2 * size_;
    }
    void set_size() { check(set_file_size(content_->descriptor(), size_)); }
    void check(const std::error_code& ec) const {
        if (ec) from_.fail(ec.value(), "no room to unpack it");
    }

    const input_file& from_;
    const content_limit& limit_of_;
    std::shared_ptr<file_source> content_;
    std::vector<std::byte> out_ = std::vector<std::byte>(write_size);
    std::size_t used_ = 0;
    std::uint64_t size_ = 0;
    std::optional<std::uint64_t> limit_;
    std::uint64_t next_question_ = 1;
};

}  // namespace

packed_format format_of(std::span<const std::byte> first) noexcept {
    struct known {
        std::array<unsigned char, 4> magic;
        packed_format format;
        std::size_t size;  // of the magic number
    };
    constexpr known all[]{{{0x1f, 0x8b}, packed_format::gzip, 2},
                          {{0x28, 0xb5, 0x2f, 0xfd}, packed_format::zstd, 4},
                          {{0xfd, '7', 'z', 'X'}, packed_format::other, 4},
                          {{0x04, 0x22, 0x4d, 0x18}, packed_format::other, 4},
                          {{'B', 'Z', 'h'}, packed_format::other, 3}};
    for (const known& k : all)
        if (first.size() >= k.size && std::memcmp(first.data(), k.magic.data(), k.size) == 0) return k.format;
    return packed_format::none;
}

input_file unpacked(input_file&& file, const content_limit& limit) {
    std::array<std::byte, 4> first{};
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(file.size(), first.size()));
    if (!file.read(0, std::span(first).first(size))) file.fail(EBADMSG, "it became shorter meanwhile");
    const packed_format format = format_of(std::span(first).first(size));
    if (format == packed_format::none) return std::move(file);
    if (format == packed_format::zstd && has_zstd())
        if (auto starts = read_seek_table(file)) {
            auto content = std::make_shared<seekable_zstd>(file.take_content(), std::move(*starts));
            const std::uint64_t content_size = content->size();
            return file.with_content(std::move(content), content_size);
        }
    const std::unique_ptr<stream_decoder> decoder = format == packed_format::gzip   ? make_gzip_decoder()
                                                    : format == packed_format::zstd ? make_zstd_decoder()
                                                                                    : nullptr;
    if (!decoder) file.fail(EOPNOTSUPP, "it is compressed: unpack it first");
    return whole_unpacker(file, limit).run(*decoder);
}

}  // namespace vmio::detail
