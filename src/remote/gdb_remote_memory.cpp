// SPDX-License-Identifier: BSL-1.0
#include <vmio/gdb_remote_memory.hpp>

#include <optional>
#include <utility>

#include <vmio/cached_memory.hpp>
#include <vmio/error.hpp>

#include "base/system_error.hpp"
#include "remote/gdb_link.hpp"
#include "remote/gdb_remote_ranges.hpp"

namespace vmio {
namespace {

/// The link, to be held by value.
struct link_reference {
    std::size_t read_some(address from, std::span<std::byte> to, std::error_code& ec) const noexcept {
        return link->read_some(from, to, ec);
    }
    std::size_t write_some(address to, std::span<const std::byte> from, std::error_code& ec) const noexcept {
        return link->write_some(to, from, ec);
    }
    detail::gdb_link* link;
};

}  // namespace

struct VMIO_HIDDEN gdb_remote_memory::state {
    state(const std::string& where, const gdb_remote_options& o) : options(o), link(where, o.timeout) {
        if (o.cache_size > 0) cache.emplace(link_reference{&link}, o.cache_size);
    }
    state(const state&) = delete;
    state& operator=(const state&) = delete;
    ~state() {
        try {
            link.close(options.detach_at_close);
        } catch (const std::exception&) {
            // The connection is gone, and with it the server's reason to keep the target stopped.
        }
    }

    /// Calls f() and turns its error into memory_error.
    template <class F>
    auto told(const char* operation, F f) {
        try {
            return f();
        } catch (const std::system_error& e) {
            throw memory_error(operation, link.process_id(), 0, e.code());
        }
    }

    /// Whether calls go through the cache; a connection that failed fails all of them.
    bool caches() const noexcept { return cache && link.usable(); }

    const gdb_remote_options options;
    detail::gdb_link link;
    std::optional<cached_memory<link_reference>> cache;
};

gdb_remote_memory::gdb_remote_memory(std::string_view where, const gdb_remote_options& options) {
    try {
        state_ = std::make_shared<state>(std::string(where), options);
    } catch (const std::system_error& e) {
        throw memory_error("connection by the GDB remote protocol", 0, 0, e.code(),
                           "no answer of a debugging server at " + std::string(where) + ": " + e.what());
    }
}

std::size_t gdb_remote_memory::read_some(address from, std::span<std::byte> to, std::error_code& ec) const noexcept {
    return state_->caches() ? state_->cache->read_some(from, to, ec) : state_->link.read_some(from, to, ec);
}

std::size_t gdb_remote_memory::write_some(address to, std::span<const std::byte> from,
                                          std::error_code& ec) const noexcept {
    return state_->caches() ? state_->cache->write_some(to, from, ec) : state_->link.write_some(to, from, ec);
}

std::vector<address_range> gdb_remote_memory::ranges() const {
    return state_->told("list of memory by the GDB remote protocol", [&] {
        return state_->link.with_connection([](detail::gdb_connection& c) { return detail::ranges_of(c); });
    });
}

std::string gdb_remote_memory::maps_text() const {
    return state_->told("list of mappings by the GDB remote protocol", [&] {
        return state_->link.with_connection([](detail::gdb_connection& c) { return detail::maps_text_of(c); });
    });
}

std::vector<std::byte> gdb_remote_memory::auxiliary_vector() const {
    const std::string bytes = state_->told("read of the auxiliary vector by the GDB remote protocol", [&] {
        return state_->link.with_connection([](detail::gdb_connection& c) { return c.read_object("auxv", ""); });
    });
    const auto* const first = reinterpret_cast<const std::byte*>(bytes.data());
    return {first, first + bytes.size()};
}

std::string gdb_remote_memory::executable() const {
    return state_->told("name of the program by the GDB remote protocol", [&] {
        return state_->link.with_connection([](detail::gdb_connection& c) { return c.read_object("exec-file", ""); });
    });
}

pid_t gdb_remote_memory::process_id() const noexcept {
    return state_->link.process_id();
}

void gdb_remote_memory::invalidate() noexcept {
    if (state_->cache) state_->cache->invalidate();
}

void gdb_remote_memory::close() {
    state_->told("detach by the GDB remote protocol", [&] {
        invalidate();
        state_->link.close(state_->options.detach_at_close);
    });
}

}  // namespace vmio
