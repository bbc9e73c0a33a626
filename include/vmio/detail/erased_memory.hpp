// SPDX-License-Identifier: BSL-1.0
/// What any_memory holds; include vmio/any_memory.hpp.
#pragma once

#include <bit>
#include <cerrno>
#include <concepts>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <system_error>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include <sys/types.h>

#include <vmio/address.hpp>
#include <vmio/detail/config.hpp>
#include <vmio/detail/memory_naming.hpp>
#include <vmio/fwd.hpp>
#include <vmio/memory.hpp>
#include <vmio/memory_gap.hpp>
#include <vmio/memory_map.hpp>

namespace vmio {

template <memory_reader M>
class cached_memory;

namespace detail {

/// @cond
VMIO_EXPORT std::vector<address_range> readable_ranges(const process_memory&);
VMIO_EXPORT std::vector<memory_gap> unreadable_ranges(const process_memory&);
VMIO_EXPORT memory_map map_of(const process_memory&);
VMIO_EXPORT memory_map map_of(std::span<const mapping>);
VMIO_EXPORT unsigned word_size_of(const process_memory&);
VMIO_EXPORT unsigned word_size_of(const process_snapshot&);

template <class M>
inline constexpr bool is_cache = false;
template <class M>
inline constexpr bool is_cache<cached_memory<M>> = true;

template <class M>
concept has_map = requires(const M& m) {
    { m.map() } -> std::convertible_to<memory_map>;
};
template <class M>
concept has_mappings = requires(const M& m) {
    std::span<const mapping>(m.mappings());
};
template <class M>
concept has_maps_text = requires(const M& m) {
    { m.maps_text() } -> std::convertible_to<std::string>;
};

/// The attributes of a memory beyond its bytes, for those that have them.
template <class M>
struct memory_attributes {
    static std::vector<address_range> ranges(const M& m) {
        if constexpr (std::same_as<M, process_memory>) {
            return readable_ranges(m);
        } else if constexpr (requires { std::span<const address_range>(m.ranges()); }) {
            const auto& all = m.ranges();
            return {all.begin(), all.end()};
        } else if constexpr (is_cache<M>) {
            return memory_attributes<std::remove_cvref_t<decltype(m.memory())>>::ranges(m.memory());
        } else {
            return {};
        }
    }
    static std::vector<address_range> stored(const M& m) {
        if constexpr (requires { std::span<const address_range>(m.stored()); }) {
            const auto& all = m.stored();
            return {all.begin(), all.end()};
        } else if constexpr (is_cache<M>) {
            return memory_attributes<std::remove_cvref_t<decltype(m.memory())>>::stored(m.memory());
        } else {
            return ranges(m);
        }
    }
    static std::vector<memory_gap> gaps(const M& m) {
        if constexpr (std::same_as<M, process_memory>) {
            return unreadable_ranges(m);
        } else if constexpr (requires { std::span<const memory_gap>(m.gaps()); }) {
            const auto& all = m.gaps();
            return {all.begin(), all.end()};
        } else if constexpr (is_cache<M>) {
            return memory_attributes<std::remove_cvref_t<decltype(m.memory())>>::gaps(m.memory());
        } else {
            return {};
        }
    }
    static memory_map map(const M& m) {
        if constexpr (std::same_as<M, process_memory>) {
            return map_of(m);
        } else if constexpr (has_map<M>) {
            return m.map();
        } else if constexpr (has_mappings<M>) {
            return map_of(m.mappings());
        } else if constexpr (has_maps_text<M>) {
            return memory_map::from_text(m.maps_text());
        } else if constexpr (is_cache<M>) {
            return memory_attributes<std::remove_cvref_t<decltype(m.memory())>>::map(m.memory());
        } else {
            return {};
        }
    }
    static unsigned word_size(const M& m) {
        if constexpr (std::same_as<M, process_memory> || std::same_as<M, process_snapshot>)
            return word_size_of(m);
        else if constexpr (requires {
                               { m.word_size() } -> std::convertible_to<unsigned>;
                           })
            return m.word_size();
        else if constexpr (is_cache<M>)
            return memory_attributes<std::remove_cvref_t<decltype(m.memory())>>::word_size(m.memory());
        else
            return sizeof(void*);
    }
    static std::endian byte_order(const M& m) noexcept {
        if constexpr (requires {
                          { m.byte_order() } -> std::same_as<std::endian>;
                      })
            return m.byte_order();
        else if constexpr (is_cache<M>)
            return memory_attributes<std::remove_cvref_t<decltype(m.memory())>>::byte_order(m.memory());
        else
            return std::endian::native;
    }
    static std::string name(const M& m) {
        if constexpr (requires {
                          { m.name() } -> std::convertible_to<std::string>;
                      })
            return m.name();
        const pid_t id = process_id_of(m);
        return id != 0 ? "process " + std::to_string(id) : read_operation_of(m);
    }
};

struct VMIO_EXPORT erased_memory {
    erased_memory() = default;
    erased_memory(const erased_memory&) = delete;
    erased_memory& operator=(const erased_memory&) = delete;
    virtual ~erased_memory();

    virtual std::size_t read_some(address, std::span<std::byte>, std::error_code&) const noexcept = 0;
    virtual std::size_t write_some(address, std::span<const std::byte>, std::error_code&) const noexcept = 0;
    virtual bool writable() const noexcept = 0;
    virtual std::vector<address_range> ranges() const = 0;
    virtual std::vector<address_range> stored() const = 0;
    virtual std::vector<memory_gap> gaps() const = 0;
    virtual memory_map map() const = 0;
    virtual pid_t process_id() const noexcept = 0;
    virtual const char* read_operation() const noexcept = 0;
    virtual const char* write_operation() const noexcept = 0;
    /// Returns: the memory if it is of that type, else null.
    virtual const void* get(const std::type_info&) const noexcept = 0;

    std::string name;
    address_range window{0, std::numeric_limits<address>::max()};  // nothing can be read or written outside
    unsigned word_size = sizeof(void*);
    std::endian byte_order = std::endian::native;
};

template <memory_reader M>
struct held_memory final : erased_memory {
    using attributes = memory_attributes<M>;

    held_memory(M m, std::string n) : memory(std::move(m)) {
        name = n.empty() ? attributes::name(memory) : std::move(n);
        word_size = attributes::word_size(memory);
        byte_order = attributes::byte_order(memory);
    }

    std::size_t read_some(address where, std::span<std::byte> to, std::error_code& ec) const noexcept override {
        return memory.read_some(where, to, ec);
    }
    std::size_t write_some([[maybe_unused]] address where, [[maybe_unused]] std::span<const std::byte> from,
                           std::error_code& ec) const noexcept override {
        if constexpr (memory_writer<M>) {
            return memory.write_some(where, from, ec);
        } else {
            ec.clear();
            if (!from.empty()) ec.assign(EROFS, std::system_category());
            return 0;
        }
    }
    bool writable() const noexcept override { return memory_writer<M>; }
    std::vector<address_range> ranges() const override { return attributes::ranges(memory); }
    std::vector<address_range> stored() const override { return attributes::stored(memory); }
    std::vector<memory_gap> gaps() const override { return attributes::gaps(memory); }
    memory_map map() const override { return attributes::map(memory); }
    pid_t process_id() const noexcept override { return process_id_of(memory); }
    const char* read_operation() const noexcept override { return read_operation_of(memory); }
    const char* write_operation() const noexcept override { return write_operation_of(memory); }
    const void* get(const std::type_info& type) const noexcept override {
        return type == typeid(M) ? &memory : nullptr;
    }

    mutable M memory;  // whose read_some() need not be const
};
/// @endcond

}  // namespace detail
}  // namespace vmio
