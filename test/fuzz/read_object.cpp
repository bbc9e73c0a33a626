// SPDX-License-Identifier: BSL-1.0
/// libFuzzer on objects of a target: an input is a choice of the type and of the library, and all the memory there is.
#include <algorithm>
#include <cerrno>
#include <cstring>

#include <vmio/read_object.hpp>

#include "../targets/random_objects.hpp"
#include "fuzzing.hpp"

namespace {

constexpr vmio::address start = 0x10000;  // so that a pointer needs few bytes

struct input_memory {
    std::span<const std::byte> bytes;
    std::size_t read_some(vmio::address at, std::span<std::byte> to, std::error_code& ec) const noexcept {
        ec.clear();
        if (at < start || at - start >= bytes.size()) {
            ec.assign(EFAULT, std::system_category());
            return 0;
        }
        const std::size_t n = std::min<std::size_t>(to.size(), bytes.size() - (at - start));
        if (n > 0) std::memcpy(to.data(), bytes.data() + (at - start), n);
        return n;
    }
};

template <class T>
void read(const input_memory& memory, vmio::object_layout layout) {
    constexpr vmio::object_limits limits{.elements = 10000, .bytes = 1 << 20, .depth = 50};
    try {
        vmio::read_object<T>(memory, start, limits, layout);
    } catch (const vmio::memory_error&) {
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    using enum vmio::object_layout;
    constexpr vmio::object_layout layouts[]{native, libstdcxx, libstdcxx_cow, libcxx};
    const vmio::object_layout layout = layouts[data[0] % 4];
    const input_memory memory{std::as_bytes(std::span(data + 1, size - 1))};
    switch (data[0] / 4 % 8) {
        case 0: read<test::object>(memory, layout); break;
        case 1: read<std::string>(memory, layout); break;
        case 2: read<std::vector<std::vector<test::leaf>>>(memory, layout); break;
        case 3: read<std::list<std::deque<std::string>>>(memory, layout); break;
        case 4: read<std::map<std::string, std::vector<bool>>>(memory, layout); break;
        case 5: read<std::unordered_map<std::string, test::leaf>>(memory, layout); break;
        case 6: read<test::branch>(memory, layout); break;
        default: read<std::forward_list<std::string_view>>(memory, layout); break;
    }
    return 0;
}
