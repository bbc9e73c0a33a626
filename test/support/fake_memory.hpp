// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <span>
#include <system_error>
#include <vector>

#include <vmio/address.hpp>

namespace test {

/// Bytes at an address, for the arithmetic of cursors and buffers: what a kernel does is not imitated. Copies share.
class fake_memory {
public:
    struct shared {
        vmio::address start = 0;
        std::vector<std::byte> bytes;
        std::size_t most_at_once = SIZE_MAX;  // a short count after that many, as a kernel may give
        std::size_t calls = 0;
    };

    fake_memory(vmio::address start, std::size_t size) : shared_(std::make_shared<shared>()) {
        shared_->start = start;
        shared_->bytes.resize(size);
    }

    shared* operator->() const { return shared_.get(); }

    std::size_t read_some(vmio::address from, std::span<std::byte> to, std::error_code& ec) const noexcept {
        const std::size_t n = reachable(from, to.size(), ec);
        if (n > 0) std::memcpy(to.data(), shared_->bytes.data() + (from - shared_->start), n);
        return n;
    }
    std::size_t write_some(vmio::address to, std::span<const std::byte> from, std::error_code& ec) const noexcept {
        const std::size_t n = reachable(to, from.size(), ec);
        if (n > 0) std::memcpy(shared_->bytes.data() + (to - shared_->start), from.data(), n);
        return n;
    }

private:
    std::size_t reachable(vmio::address from, std::size_t size, std::error_code& ec) const noexcept {
        ++shared_->calls;
        ec.clear();
        if (size == 0) return 0;
        if (from < shared_->start || from - shared_->start >= shared_->bytes.size()) {
            ec = {EFAULT, std::system_category()};
            return 0;
        }
        return std::min(
            {size, shared_->bytes.size() - static_cast<std::size_t>(from - shared_->start), shared_->most_at_once});
    }

    std::shared_ptr<shared> shared_;
};

}  // namespace test
