// SPDX-License-Identifier: BSL-1.0
/// libFuzzer on files of saved captures. The inputs in process_snapshot_load/ are tried first; one that once failed
/// stays there. Checksums are put right, since little else would be tried otherwise; if the last byte is odd they are
/// left.
#include <algorithm>
#include <cerrno>
#include <sstream>
#include <vector>

#include <vmio/file_error.hpp>
#include <vmio/process_snapshot.hpp>

#include "base/byte_order.hpp"
#include "base/crc32.hpp"
#include "capture/process_snapshot_format.hpp"
#include "fuzzing.hpp"

namespace {

namespace format = vmio::detail::process_snapshot_format;
using fuzz::must;

void put_checksums_right(std::span<std::byte> bytes) {
    if (bytes.size() < format::header_size) return;
    const auto head =
        format::decoded(std::span<const std::byte, format::header_size>(bytes.first(format::header_size)));
    const auto record = std::min<std::uint64_t>(head.record_size, bytes.size() - format::header_size);
    const std::size_t end = format::header_size + static_cast<std::size_t>(record);
    vmio::detail::crc32 of_data;
    of_data.add(bytes.subspan(end));
    vmio::detail::put_little_endian(&bytes[32], of_data.value());
    vmio::detail::crc32 of_head;
    of_head.add(bytes.first(end).subspan(format::start_of_checked));
    vmio::detail::put_little_endian(&bytes[12], of_head.value());
}

template <class Ranges, class F>
void must_be_a_set(const Ranges& ranges, F&& range_of) {
    vmio::address end = 0;
    for (const auto& r : ranges) {
        const vmio::address_range range = range_of(r);
        must(!range.empty() && range.start() >= end);
        end = range.end();
    }
}

void look_at(const vmio::process_snapshot& s, std::size_t size) {
    const auto itself = [](const vmio::address_range& r) { return r; };
    must_be_a_set(s.ranges(), itself);
    must_be_a_set(s.stored(), itself);
    must_be_a_set(s.gaps(), [](const vmio::memory_gap& g) { return g.range; });
    must_be_a_set(s.map(), [](const vmio::mapping& m) { return m.range; });
    std::uint64_t stored = 0;
    for (const vmio::address_range& r : s.stored()) stored += r.size();
    must(stored <= size);
    for (const vmio::address_range& r : s.ranges()) {
        std::byte bytes[16];
        std::error_code ec;
        must(s.read_some(r.start(), bytes, ec) == std::min<std::uint64_t>(16, r.size()) && !ec);
        must(s.read_some(r.end() - 1, bytes, ec) >= 1 && !ec);
    }
    std::size_t held = s.auxiliary_vector().size() + s.program().size() + s.arguments().size();
    for (const vmio::mapping& m : s.map()) held += m.name.size() + s.build_id(m).size();
    for (const vmio::thread_registers& thread : s.threads())
        for (const vmio::register_set& set : thread.sets) held += set.bytes.size();
    must(held <= size);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto* const first = reinterpret_cast<const std::byte*>(data);
    std::vector<std::byte> bytes(first, first + size);
    if (size == 0 || data[size - 1] % 2 == 0) put_checksums_right(bytes);
    try {
        const vmio::process_snapshot loaded = vmio::process_snapshot::load(fuzz::memory_file(bytes).path());
        look_at(loaded, size);
        std::ostringstream out;
        std::uint64_t captured = 0;
        for (const vmio::address_range& r : loaded.ranges()) captured += r.size();
        if (captured < (1u << 20)) {  // a stream gets every zero
            try {
                loaded.save_core(out);
            } catch (const vmio::memory_error& e) {
                must(e.code().value() == EOPNOTSUPP);  // registers of another word size
            }
        }
    } catch (const vmio::file_error& e) {
        must(e.code().value() == EINVAL || e.code().value() == EBADMSG || e.code().value() == EOPNOTSUPP);
    } catch (const vmio::memory_error& e) {
        must(e.code().value() == EFBIG || e.code().value() == ENOMEM);  // more than a memfd can be
    }
    return 0;
}
