// SPDX-License-Identifier: BSL-1.0
/// libFuzzer on files of saved snapshots. The inputs in snapshot_load/ are tried first; one that once failed stays
/// there. Checksums are put right, or else nothing but they would be tried; if the last byte is odd they are left.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

#include <vmio/file_error.hpp>
#include <vmio/snapshot.hpp>

#include "base/file_descriptor.hpp"
#include "snapshot/snapshot_format.hpp"

namespace {

namespace format = vmio::detail::snapshot_format;

void must(bool holds) {
    if (!holds) std::abort();
}

void put_checksums_right(std::span<std::byte> bytes) {
    if (bytes.size() < format::header_size) return;
    const auto head =
        format::decoded(std::span<const std::byte, format::header_size>(bytes.first(format::header_size)));
    const std::uint64_t room = (bytes.size() - format::header_size) / format::extent_size;
    const auto table = static_cast<std::size_t>(std::min(head.extents, room)) * format::extent_size;
    vmio::detail::crc32 of_data;
    of_data.add(bytes.subspan(format::header_size + table));
    vmio::detail::put_little_endian(&bytes[40], of_data.value());
    vmio::detail::crc32 of_head;
    of_head.add(bytes.first(format::header_size + table).subspan(format::start_of_checked));
    vmio::detail::put_little_endian(&bytes[12], of_head.value());
}

struct file {
    explicit file(std::span<const std::byte> bytes) : descriptor(::memfd_create("fuzz", MFD_CLOEXEC)) {
        must(descriptor.get() >= 0);
        must(::write(descriptor.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
    }
    std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor.get()); }

    vmio::detail::file_descriptor descriptor;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::vector<std::byte> bytes(reinterpret_cast<const std::byte*>(data),
                                 reinterpret_cast<const std::byte*>(data) + size);
    if (size == 0 || data[size - 1] % 2 == 0) put_checksums_right(bytes);
    try {
        const vmio::snapshot loaded = vmio::snapshot::load(file(bytes).path());
        const auto head =
            format::decoded(std::span<const std::byte, format::header_size>(bytes.data(), format::header_size));
        must(loaded.size() == head.size);
        // Every extent is where it should be.
        std::vector<vmio::address_range> extents;
        const auto table = static_cast<std::size_t>(head.extents) * format::extent_size;
        must(format::decode_extents(head, std::span(bytes).subspan(format::header_size, table), extents));
        std::span<const std::byte> rest = std::span(bytes).subspan(format::header_size + table);
        for (const vmio::address_range& e : extents) {
            std::vector<std::byte> got(static_cast<std::size_t>(e.size()));
            std::error_code ec;
            must(loaded.read_some(e.start(), got, ec) == got.size());
            must(std::equal(got.begin(), got.end(), rest.begin()));
            rest = rest.subspan(got.size());
        }
        must(rest.empty());
    } catch (const vmio::file_error& e) {
        must(e.code().value() == EINVAL || e.code().value() == EBADMSG || e.code().value() == EOPNOTSUPP);
    } catch (const vmio::memory_error& e) {
        must(e.code().value() == EFBIG);  // a size that no file can have
    }
    return 0;
}
