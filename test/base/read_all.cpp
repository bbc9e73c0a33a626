// SPDX-License-Identifier: BSL-1.0
#include <vmio/detail/read_all.hpp>

#include <cerrno>
#include <cstdint>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "support/fake_memory.hpp"

using vmio::address;

namespace {

/// A memory with the members that are made of these functions.
struct whole_memory : test::fake_memory {
    using fake_memory::fake_memory;

    void read(address from, std::span<std::byte> to) const { vmio::detail::read_all(*this, from, to); }
    void write(address to, std::span<const std::byte> from) const { vmio::detail::write_all(*this, to, from); }
    static int process_id() noexcept { return 77; }
    static const char* read_operation() noexcept { return "read of a fake"; }
    static const char* write_operation() noexcept { return "write of a fake"; }
};

/// Calls attempt(), which fails, and returns the error.
template <class Attempt>
vmio::memory_error failure(Attempt attempt) {
    try {
        attempt();
    } catch (const vmio::memory_error& e) {
        return e;
    }
    return {"no error", 0, 0, {}};
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_transfer_of_all_bytes_goes_on_after_a_part) {
    const whole_memory memory(1000, 100);
    memory->most_at_once = 7;
    std::vector<std::byte> bytes(100);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = std::byte(i);
    memory.write(1000, bytes);
    BOOST_TEST((memory->bytes == bytes));
    std::vector<std::byte> copy(50);
    memory.read(1020, copy);
    BOOST_TEST((copy == std::vector(bytes.begin() + 20, bytes.begin() + 70)));
    memory->calls = 0;
    memory.read(5, {});
    BOOST_TEST(memory->calls == 0u);
}

BOOST_AUTO_TEST_CASE(an_error_of_a_transfer_names_the_first_byte_that_was_not_moved) {
    const whole_memory memory(1000, 100);
    std::vector<std::byte> bytes(20);
    const auto read = failure([&] { memory.read(1090, bytes); });
    BOOST_TEST(read.where() == 1100u);
    BOOST_TEST(read.code().value() == EFAULT);
    BOOST_TEST(read.process_id() == 77);
    BOOST_TEST(read.operation() == "read of a fake");
    const auto write = failure([&] { memory.write(1095, bytes); });
    BOOST_TEST(write.where() == 1100u);
    BOOST_TEST(write.operation() == "write of a fake");
    memory->most_at_once = 0;  // no bytes and no reason
    BOOST_TEST(failure([&] { memory.read(1000, bytes); }).code().value() == EFAULT);
}

BOOST_AUTO_TEST_CASE(a_value_is_moved_by_its_bytes) {
    const whole_memory memory(1000, 100);
    struct record {
        std::uint32_t a;
        char b[3];
    };
    vmio::detail::write_value(memory, 1001, record{0x12345678, {'x', 'y', 'z'}});
    const auto value = vmio::detail::read_value<record>(memory, 1001);
    BOOST_TEST(value.a == 0x12345678u);
    BOOST_TEST(value.b[2] == 'z');
}
