// SPDX-License-Identifier: BSL-1.0
/// The file format of a saved snapshot. All numbers are little-endian; independent of the page size.
///
///     0   8  "vmiosnap"
///     8   4  version: 1
///     12  4  CRC-32 of all bytes from offset 16 up to the data
///     16  8  size of the snapshot
///     24  8  number of extents
///     32  8  size of the data
///     40  4  CRC-32 of the data
///     44  4  0
///     48     the extents, by offset, without overlap: 8 offset in the snapshot, 8 size, not 0
///            the data: the bytes of the extents, one after the other; bytes outside of the extents are zero
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include <vmio/address.hpp>

#include "base/byte_order.hpp"
#include "base/crc32.hpp"

namespace vmio::detail::snapshot_format {

constexpr std::array<char, 8> magic{'v', 'm', 'i', 'o', 's', 'n', 'a', 'p'};
constexpr std::uint32_t version = 1;
constexpr std::size_t header_size = 48;
constexpr std::size_t extent_size = 16;
constexpr std::size_t start_of_checked = 16;

struct header {
    std::uint32_t version = 0;
    std::uint32_t checksum = 0;
    std::uint64_t size = 0;
    std::uint64_t extents = 0;
    std::uint64_t data_size = 0;
    std::uint32_t data_checksum = 0;
};

/// Returns: the header and the extents, with their checksum.
inline std::vector<std::byte> encoded(std::uint64_t size, const std::vector<address_range>& extents,
                                      std::uint32_t data_checksum) {
    std::vector<std::byte> bytes(header_size + extents.size() * extent_size);
    std::byte* const at = bytes.data();
    std::memcpy(at, magic.data(), magic.size());
    put_little_endian(at + 8, version);
    put_little_endian(at + 16, size);
    put_little_endian(at + 24, std::uint64_t{extents.size()});
    put_little_endian(at + 40, data_checksum);
    std::uint64_t data_size = 0;
    for (std::size_t i = 0; i < extents.size(); ++i) {
        put_little_endian(at + header_size + i * extent_size, extents[i].start());
        put_little_endian(at + header_size + i * extent_size + 8, extents[i].size());
        data_size += extents[i].size();
    }
    put_little_endian(at + 32, data_size);
    crc32 checksum;
    checksum.add(std::span<const std::byte>(bytes).subspan(start_of_checked));
    put_little_endian(at + 12, checksum.value());
    return bytes;
}

inline bool is_magic(std::span<const std::byte> bytes) noexcept {
    return bytes.size() >= magic.size() && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
}

inline header decoded(std::span<const std::byte, header_size> bytes) noexcept {
    const std::byte* const at = bytes.data();
    return {get_little_endian<std::uint32_t>(at + 8),  get_little_endian<std::uint32_t>(at + 12),
            get_little_endian<std::uint64_t>(at + 16), get_little_endian<std::uint64_t>(at + 24),
            get_little_endian<std::uint64_t>(at + 32), get_little_endian<std::uint32_t>(at + 40)};
}

/// Decodes `bytes`, which follow the header. Returns: false if they are invalid, or do not match the header.
inline bool decode_extents(const header& h, std::span<const std::byte> bytes, std::vector<address_range>& extents) {
    std::uint64_t end = 0;
    std::uint64_t data_size = 0;
    for (std::size_t i = 0; i < bytes.size() / extent_size; ++i) {
        const std::byte* const at = bytes.data() + i * extent_size;
        const auto offset = get_little_endian<std::uint64_t>(at);
        const auto size = get_little_endian<std::uint64_t>(at + 8);
        if (offset < end || offset > h.size || size == 0 || size > h.size - offset) return false;
        end = offset + size;
        extents.emplace_back(offset, end);
        data_size += size;
    }
    return data_size == h.data_size;
}

}  // namespace vmio::detail::snapshot_format
