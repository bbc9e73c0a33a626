// SPDX-License-Identifier: BSL-1.0
#include "open/raw_image.hpp"

#include <algorithm>
#include <cerrno>
#include <limits>

#include <unistd.h>

#include "base/input_file.hpp"
#include "base/system_call.hpp"
#include "base/system_error.hpp"

namespace vmio::detail {

raw_image::raw_image(const std::filesystem::path& path, address start) : start_(start) {
    input_file file(path, "open of a memory image");
    if (file.size() > std::numeric_limits<address>::max() - start)
        file.fail(EOVERFLOW, "it would end above the last address");
    if (file.size() > 0) ranges_.push_back(address_range::of_size(start, file.size()));
    file_ = std::make_shared<const file_descriptor>(file.take_file());
}

std::size_t raw_image::read_some(address where, std::span<std::byte> to, std::error_code& ec) const noexcept {
    ec.clear();
    if (to.empty()) return 0;
    if (ranges_.empty() || !ranges_.front().contains(where)) {
        ec = system_error_of(EFAULT);
        return 0;
    }
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(to.size(), ranges_.front().end() - where));
    const ssize_t got = sys::pread(file_->get(), to.data(), size, static_cast<off_t>(where - start_));
    if (got > 0) return static_cast<std::size_t>(got);
    ec = got < 0 ? last_system_error() : system_error_of(EIO);
    return 0;
}

}  // namespace vmio::detail
