// SPDX-License-Identifier: BSL-1.0
/// Packets of the GDB Remote Serial Protocol: GDB's manual, "Overview" of that protocol, and "Binary Data".
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace vmio::detail {

/// Returns: `$`, the bytes of `body`, `#` and the checksum. `body` is sent as it is: see escaped().
std::string gdb_packet(std::string_view body);

/// Returns: `bytes` as a packet may contain them: `#`, `$`, `}` and `*` are escaped.
std::string gdb_escaped(std::span<const std::byte> bytes);

/// Returns: the hexadecimal digits of a number.
std::string gdb_number(std::uint64_t value);
/// Returns: two hexadecimal digits a byte.
std::string gdb_hex(std::span<const std::byte> bytes);
/// Returns: false unless `digits` are exactly two hexadecimal digits for each byte of `to`.
bool gdb_from_hex(std::string_view digits, std::span<std::byte> to) noexcept;

/// Takes packets out of a stream of bytes.
class gdb_packet_parser {
public:
    /// Longer packets are errors, so that a hostile server cannot exhaust memory.
    explicit gdb_packet_parser(std::size_t longest) noexcept : longest_(longest) {}

    enum class event {
        none,      ///< more bytes are needed
        packet,    ///< body() is a packet
        damaged,   ///< a packet whose checksum is wrong or whose encoding is invalid
        too_long,  ///< longer than allowed; the parser is of no more use
        ack,       ///< `+`
        nack,      ///< `-`
    };

    /// Consumes bytes of `input` up to the next event. Notifications (`%`) and bytes between packets are skipped.
    event next(std::string_view& input);

    /// The last packet with escapes and run lengths expanded. Valid until the next call of next().
    const std::string& body() const noexcept { return body_; }

private:
    enum class state { between, body, escaped, run, checksum_high, checksum_low };

    void begin(bool notification) noexcept;
    bool append(char c, std::size_t count = 1);
    event end(char low) noexcept;

    std::size_t longest_;
    state state_ = state::between;
    bool notification_ = false;
    bool invalid_ = false;
    unsigned char sum_ = 0;
    char checksum_high_ = '0';
    std::string body_;
};

}  // namespace vmio::detail
