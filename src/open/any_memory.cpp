// SPDX-License-Identifier: BSL-1.0
#include <vmio/any_memory.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include <vmio/detail/word_size.hpp>
#include <vmio/error.hpp>
#include <vmio/memory_map.hpp>
#include <vmio/process_memory.hpp>
#include <vmio/process_snapshot.hpp>
#include <vmio/region_reader.hpp>

#include "base/gap_set.hpp"
#include "base/range_set.hpp"
#include "base/system_error.hpp"
#include "process/process_info.hpp"

namespace vmio {
namespace {

/// Whether an auxiliary vector of such words has an entry of this machine's page size.
/// A memory of which a part can be used.
struct windowed_memory final : detail::erased_memory {
    windowed_memory(std::shared_ptr<const erased_memory> m, const address_range& w) : memory(std::move(m)) {
        name = memory->name;
        window = memory->window.intersection(w);
        word_size = memory->word_size;
        byte_order = memory->byte_order;
    }

    std::size_t read_some(address where, std::span<std::byte> to, std::error_code& ec) const noexcept override {
        const auto size = size_at(where, to.size(), ec);
        return size > 0 ? memory->read_some(where, to.first(size), ec) : 0;
    }
    std::size_t write_some(address where, std::span<const std::byte> from,
                           std::error_code& ec) const noexcept override {
        const auto size = size_at(where, from.size(), ec);
        return size > 0 ? memory->write_some(where, from.first(size), ec) : 0;
    }
    bool writable() const noexcept override { return memory->writable(); }
    std::vector<address_range> ranges() const override {
        const std::vector<address_range> all = memory->ranges();
        if (!all.empty()) return detail::intersected(all, std::span(&window, 1));
        return window.empty() ? all : std::vector{window};  // what is asked for, where nothing is known
    }
    std::vector<address_range> stored() const override {
        const std::vector<address_range> all = memory->stored();
        return all.empty() && memory->ranges().empty() ? ranges() : detail::intersected(all, std::span(&window, 1));
    }
    std::vector<memory_gap> gaps() const override {
        std::vector<memory_gap> all = memory->gaps();
        for (memory_gap& gap : all) gap.range = gap.range.intersection(window);
        std::erase_if(all, [](const memory_gap& gap) { return gap.range.empty(); });
        return all;
    }
    memory_map map() const override {
        std::vector<mapping> parts;
        for (mapping m : memory->map()) {
            const address_range part = m.range.intersection(window);
            if (part.empty()) continue;
            m.offset += part.start() - m.range.start();
            m.range = part;
            parts.push_back(std::move(m));
        }
        return memory_map::from_mappings(std::move(parts));
    }
    pid_t process_id() const noexcept override { return memory->process_id(); }
    const char* read_operation() const noexcept override { return memory->read_operation(); }
    const char* write_operation() const noexcept override { return memory->write_operation(); }
    const void* get(const std::type_info& type) const noexcept override { return memory->get(type); }

    /// Returns: how many of the bytes at `where` lie in the window.
    std::size_t size_at(address where, std::size_t size, std::error_code& ec) const noexcept {
        ec.clear();
        if (size == 0) return 0;
        if (!window.contains(where)) {
            ec = detail::system_error_of(EFAULT);
            return 0;
        }
        return static_cast<std::size_t>(std::min<std::uint64_t>(size, window.end() - where));
    }

    std::shared_ptr<const erased_memory> memory;
};

}  // namespace

namespace detail {

erased_memory::~erased_memory() = default;

std::vector<address_range> readable_ranges(const process_memory& memory) {
    std::vector<address_range> ranges;
    for (region_reader reader(memory.target()); reader.next();) append(ranges, reader.range());
    return ranges;
}

std::vector<memory_gap> unreadable_ranges(const process_memory& memory) {
    const std::vector<address_range> readable = readable_ranges(memory);
    std::vector<memory_gap> gaps;
    for (const mapping& m : memory_map::load(memory.target()))
        for (const address_range& part : without(std::span(&m.range, 1), readable))
            gaps.push_back({part, m.perms.read ? gap_reason::input_output : gap_reason::no_permission});
    join(gaps);
    return gaps;
}

memory_map map_of(const process_memory& memory) {
    return memory_map::load(memory.target());
}

memory_map map_of(std::span<const mapping> mappings) {
    std::vector<mapping> sorted;
    for (const mapping& m : mappings)  // of a file, which may say anything
        if (!m.range.empty() && (sorted.empty() || sorted.back().range.end() <= m.range.start())) sorted.push_back(m);
    return memory_map::from_mappings(std::move(sorted));
}

unsigned word_size_of(const process_memory& memory) {
    return word_size_of(memory.target());
}

unsigned word_size_of(const process_snapshot& captured) {
    return word_size_in(captured.auxiliary_vector());
}

}  // namespace detail

void any_memory::read(address from, std::span<std::byte> to) const {
    detail::read_all(*this, from, to);
}

void any_memory::write(address to, std::span<const std::byte> from) const {
    detail::write_all(*this, to, from);
}

any_memory any_memory::within(const address_range& window) const {
    return any_memory(std::make_shared<const windowed_memory>(held_, window));
}

}  // namespace vmio
