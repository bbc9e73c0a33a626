// SPDX-License-Identifier: BSL-1.0
#include "capture/process_snapshot_format.hpp"

#include <array>
#include <cstring>
#include <string>

#include "base/byte_order.hpp"
#include "base/crc32.hpp"
#include "base/range_set.hpp"

namespace vmio::detail::process_snapshot_format {
namespace {

constexpr std::array<char, 8> magic{'v', 'm', 'i', 'o', 'p', 'r', 'o', 'c'};

enum mapping_flag : std::uint32_t { readable = 1, writable = 2, executable = 4, shared = 8, deleted = 16, all = 31 };

class encoder {
public:
    template <class T>
    void add(T value) {
        std::byte bytes[sizeof value];
        put_little_endian(bytes, value);
        bytes_.insert(bytes_.end(), bytes, bytes + sizeof value);
    }
    void add(const address_range& r) {
        add(r.start());
        add(r.end());
    }
    void add(std::span<const std::byte> bytes) {
        add(static_cast<std::uint32_t>(bytes.size()));
        bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    }
    template <class List, class F>
    void add_all(const List& list, F&& add_one) {
        add(std::uint64_t{list.size()});
        for (const auto& one : list) add_one(one);
    }

    std::vector<std::byte>& bytes() noexcept { return bytes_; }

private:
    std::vector<std::byte> bytes_ = std::vector<std::byte>(header_size);
};

/// Reads values in sequence. Past the end or after an error, values are 0 and good() is false.
class decoder {
public:
    explicit decoder(std::span<const std::byte> bytes) : rest_(bytes) {}

    template <class T>
    T get() noexcept {
        const std::span<const std::byte> bytes = take(sizeof(T));
        return good_ ? get_little_endian<T>(bytes.data()) : T{0};
    }
    address_range range() {
        const auto start = get<address>();
        const auto end = get<address>();
        if (end <= start) good_ = false;
        return good_ ? address_range(start, end) : address_range();
    }
    std::vector<std::byte> copied_bytes() {
        const std::span<const std::byte> bytes = take(get<std::uint32_t>());
        return {bytes.begin(), bytes.end()};
    }
    std::string text() {
        const std::span<const std::byte> bytes = take(get<std::uint32_t>());
        return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }

    /// Reads a count and calls one() that many times. Returns: false if one() returned false, or bytes are missing.
    template <class F>
    bool all(F&& one) {
        const auto count = get<std::uint64_t>();
        for (std::uint64_t i = 0; i < count && good_; ++i)
            if (!one()) good_ = false;
        return good_;
    }

    bool good() const noexcept { return good_; }
    bool at_end() const noexcept { return good_ && rest_.empty(); }

private:
    std::span<const std::byte> take(std::size_t n) noexcept {
        if (n > rest_.size()) good_ = false;
        if (!good_) return {};
        const std::span<const std::byte> taken = rest_.first(n);
        rest_ = rest_.subspan(n);
        return taken;
    }

    std::span<const std::byte> rest_;
    bool good_ = true;
};

std::uint32_t flags_of(const mapping& m) noexcept {
    return (m.perms.read ? readable : 0u) | (m.perms.write ? writable : 0u) | (m.perms.execute ? executable : 0u) |
           (m.perms.shared ? shared : 0u) | (m.deleted ? deleted : 0u);
}

mapping decode_mapping(decoder& from, std::vector<std::byte>& build_id) {
    mapping m;
    m.range = from.range();
    m.offset = from.get<std::uint64_t>();
    m.device_major = from.get<std::uint32_t>();
    m.device_minor = from.get<std::uint32_t>();
    m.inode = from.get<std::uint64_t>();
    const auto flags = from.get<std::uint32_t>();
    m.perms = {(flags & readable) != 0, (flags & writable) != 0, (flags & executable) != 0, (flags & shared) != 0};
    m.deleted = (flags & deleted) != 0;
    m.name = from.text();
    build_id = from.copied_bytes();
    return m;
}

bool decode_thread(decoder& from, thread_registers& thread) {
    thread.id = static_cast<pid_t>(from.get<std::uint32_t>());
    thread.signal = static_cast<int>(from.get<std::uint32_t>());
    return from.all([&] {
        register_set& set = thread.sets.emplace_back();
        set.type = from.get<std::uint32_t>();
        set.bytes = from.copied_bytes();
        return from.good();
    });
}

process_numbers decode_numbers(decoder& from) {
    process_numbers numbers;
    numbers.state = static_cast<char>(from.get<std::uint32_t>());
    numbers.nice = static_cast<int>(from.get<std::uint32_t>());
    numbers.flags = from.get<std::uint64_t>();
    numbers.user = from.get<std::uint32_t>();
    numbers.group = from.get<std::uint32_t>();
    numbers.parent = static_cast<pid_t>(from.get<std::uint32_t>());
    numbers.process_group = static_cast<pid_t>(from.get<std::uint32_t>());
    numbers.session = static_cast<pid_t>(from.get<std::uint32_t>());
    return numbers;
}

}  // namespace

bool is_magic(std::span<const std::byte> bytes) noexcept {
    return bytes.size() >= magic.size() && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
}

header decoded(std::span<const std::byte, header_size> bytes) noexcept {
    const std::byte* const at = bytes.data();
    return {get_little_endian<std::uint32_t>(at + 8), get_little_endian<std::uint32_t>(at + 12),
            get_little_endian<std::uint64_t>(at + 16), get_little_endian<std::uint64_t>(at + 24),
            get_little_endian<std::uint32_t>(at + 32)};
}

std::vector<std::byte> encoded(const capture_record& record, const std::vector<address_range>& regions,
                               std::uint32_t data_checksum) {
    encoder to;
    to.add(static_cast<std::uint32_t>(record.process_id));
    to.add(std::uint32_t{record.paused});
    const auto time = std::chrono::duration_cast<std::chrono::nanoseconds>(record.time.time_since_epoch());
    to.add(static_cast<std::uint64_t>(time.count()));
    to.add_all(regions, [&](const address_range& r) { to.add(r); });
    to.add_all(record.gaps, [&](const memory_gap& gap) {
        to.add(gap.range);
        to.add(static_cast<std::uint32_t>(gap.reason));
    });
    std::uint64_t data_size = 0;
    to.add_all(record.stored, [&](const address_range& r) {
        to.add(r);
        data_size += r.size();
    });
    std::size_t i = 0;
    to.add_all(record.map, [&](const mapping& m) {
        to.add(m.range);
        to.add(m.offset);
        to.add(m.device_major);
        to.add(m.device_minor);
        to.add(m.inode);
        to.add(flags_of(m));
        to.add(std::as_bytes(std::span(m.name)));
        to.add(std::span<const std::byte>(record.build_ids[i++]));
    });
    to.add(std::as_bytes(std::span(record.program)));
    to.add(std::as_bytes(std::span(record.arguments)));
    to.add(std::span<const std::byte>(record.auxiliary_vector));
    to.add_all(record.threads, [&](const thread_registers& thread) {
        to.add(static_cast<std::uint32_t>(thread.id));
        to.add(static_cast<std::uint32_t>(thread.signal));
        to.add_all(thread.sets, [&](const register_set& set) {
            to.add(set.type);
            to.add(std::span<const std::byte>(set.bytes));
        });
    });

    const process_numbers& numbers = record.numbers;
    to.add(static_cast<std::uint32_t>(static_cast<unsigned char>(numbers.state)));
    to.add(static_cast<std::uint32_t>(numbers.nice));
    to.add(numbers.flags);
    to.add(numbers.user);
    to.add(numbers.group);
    for (const pid_t id : {numbers.parent, numbers.process_group, numbers.session})
        to.add(static_cast<std::uint32_t>(id));

    std::vector<std::byte>& bytes = to.bytes();
    std::byte* const at = bytes.data();
    std::memcpy(at, magic.data(), magic.size());
    put_little_endian(at + 8, version);
    put_little_endian(at + 16, std::uint64_t{bytes.size() - header_size});
    put_little_endian(at + 24, data_size);
    put_little_endian(at + 32, data_checksum);
    crc32 checksum;
    checksum.add(std::span<const std::byte>(bytes).subspan(start_of_checked));
    put_little_endian(at + 12, checksum.value());
    return std::move(to.bytes());
}

bool decode_record(const header& h, std::span<const std::byte> bytes, capture_record& record, region_layout& layout) {
    decoder from(bytes);
    record.process_id = static_cast<pid_t>(from.get<std::uint32_t>());
    record.paused = (from.get<std::uint32_t>() & 1) != 0;
    const std::chrono::nanoseconds time(static_cast<std::int64_t>(from.get<std::uint64_t>()));
    record.time =
        std::chrono::system_clock::time_point(std::chrono::duration_cast<std::chrono::system_clock::duration>(time));

    address end = 0;
    const auto is_next = [&](const address_range& r) {
        const bool follows = from.good() && r.start() >= end;
        end = r.end();
        return follows;
    };
    if (!from.all([&] {
            const address_range region = from.range();
            return is_next(region) && layout.add(region).has_value();
        }))
        return false;

    end = 0;
    if (!from.all([&] {
            const address_range range = from.range();
            const auto reason = from.get<std::uint32_t>();
            record.gaps.push_back({range, static_cast<gap_reason>(reason)});
            return is_next(range) && reason <= static_cast<std::uint32_t>(gap_reason::over_limit);
        }))
        return false;

    end = 0;
    std::uint64_t data_size = 0;
    if (!from.all([&] {
            record.stored.push_back(from.range());
            data_size += record.stored.back().size();
            return is_next(record.stored.back()) && layout.offset_of(record.stored.back()).has_value();
        }))
        return false;

    std::vector<mapping> mappings;
    end = 0;
    if (!from.all([&] {
            mappings.push_back(decode_mapping(from, record.build_ids.emplace_back()));
            return is_next(mappings.back().range);
        }))
        return false;
    record.map = memory_map::from_mappings(std::move(mappings));
    record.program = from.text();
    record.arguments = from.text();
    record.auxiliary_vector = from.copied_bytes();
    if (!from.all([&] { return decode_thread(from, record.threads.emplace_back()); })) return false;
    if (h.version >= 2) record.numbers = decode_numbers(from);
    return from.at_end() && data_size == h.data_size;
}

}  // namespace vmio::detail::process_snapshot_format
