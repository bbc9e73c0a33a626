// SPDX-License-Identifier: BSL-1.0
/// The file format of a saved process_snapshot. All numbers are little-endian; independent of the page size.
///
///     0   8  "vmioproc"
///     8   4  version: 3; version 2 lacks the pause time, version 1 also the numbers of the process
///     12  4  CRC-32 of all bytes from offset 16 up to the data
///     16  8  size of the record
///     24  8  size of the data
///     32  4  CRC-32 of the data
///     36  4  0
///     40     the record: 4 process id, 4 flags (1 paused, 2 frozen copy), 8 nanoseconds since 1970,
///            8 number of regions, each 8 start, 8 end, by address,
///            8 number of gaps, each 8 start, 8 end, 4 reason, by address,
///            8 number of stored ranges, each 8 start, 8 end, by address, inside regions,
///            8 number of mappings, by address, each 8 start, 8 end, 8 offset, 4 and 4 device, 8 inode, 4 flags
///              (1 read, 2 write, 4 execute, 8 shared, 16 deleted), 4 size and bytes of the name, 4 size and bytes of
///              the build id,
///            4 size and bytes each of the program's name, its arguments and its auxiliary vector,
///            8 number of threads, each 4 id, 4 signal, 8 number of register sets, each 4 type, 4 size and bytes,
///            the numbers of the process: 4 state, 4 nice, 8 flags, 4 user, 4 group, 4 parent,
///              4 process group, 4 session,
///            8 nanoseconds of the pause
///            the data: the bytes of the stored ranges, one after the other
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "capture/capture_record.hpp"
#include "capture/region_layout.hpp"

namespace vmio::detail::process_snapshot_format {

constexpr std::uint32_t version = 3;
constexpr std::size_t header_size = 40;
constexpr std::size_t start_of_checked = 16;
/// The maximum size of a record in bytes. A record is read as a whole before it can be validated.
constexpr std::uint64_t largest_record = std::uint64_t{1} << 30;

struct header {
    std::uint32_t version = 0;
    std::uint32_t checksum = 0;
    std::uint64_t record_size = 0;
    std::uint64_t data_size = 0;
    std::uint32_t data_checksum = 0;
};

bool is_magic(std::span<const std::byte> bytes) noexcept;
header decoded(std::span<const std::byte, header_size> bytes) noexcept;

/// Returns: the header and the record, with their checksum.
std::vector<std::byte> encoded(const capture_record& record, const std::vector<address_range>& regions,
                               std::uint32_t data_checksum);

/// Decodes the bytes that follow the header. Returns: false if they are invalid, or do not match the header.
bool decode_record(const header& h, std::span<const std::byte> bytes, capture_record& record, region_layout& layout);

}  // namespace vmio::detail::process_snapshot_format
