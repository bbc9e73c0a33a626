// SPDX-License-Identifier: BSL-1.0
#include <vmio/memory_device.hpp>

#include <cerrno>
#include <cstdint>
#include <limits>
#include <numeric>
#include <string>

#include <boost/iostreams/traits.hpp>
#include <boost/test/unit_test.hpp>

#include "support/fake_memory.hpp"

using test::fake_memory;
using vmio::address;
using vmio::address_range;
using vmio::memory_error;
using device = vmio::memory_device<fake_memory>;
namespace io = boost::iostreams;

namespace {

constexpr auto beg = std::ios_base::beg;
constexpr auto cur = std::ios_base::cur;
constexpr auto from_end = std::ios_base::end;
constexpr auto most = std::numeric_limits<std::int64_t>::max();

fake_memory hundred() {
    fake_memory m(0x1000, 100);
    for (std::size_t i = 0; i < 100; ++i) m->bytes[i] = static_cast<std::byte>(i);
    return m;
}

device window() {
    return device(hundred(), address_range(0x1000, 0x1064));
}

template <class F>
void fails_with(int number, F&& f) {
    try {
        f();
        BOOST_ERROR("no exception");
    } catch (const memory_error& e) {
        BOOST_TEST(e.code().value() == number);
    }
}

struct read_only {
    std::size_t read_some(address, std::span<std::byte>, std::error_code&) const noexcept { return 0; }
};

}  // namespace

static_assert(std::is_convertible_v<io::category_of<device>::type, io::seekable_device_tag>);
static_assert(std::is_convertible_v<io::category_of<vmio::memory_device<read_only>>::type, io::input_seekable>);
static_assert(!std::is_convertible_v<io::category_of<vmio::memory_device<read_only>>::type, io::output>);

BOOST_AUTO_TEST_CASE(a_position_in_the_whole_space_is_an_address) {
    device d(hundred(), 0x1005);
    char c = 0;
    BOOST_TEST(d.read(&c, 1) == 1);
    BOOST_TEST(c == 5);
    BOOST_TEST(d.seek(0, cur) == 0x1006);
    BOOST_TEST(d.seek(0x1063, beg) == 0x1063);
    BOOST_TEST(d.read(&c, 1) == 1);
    BOOST_TEST(c == 99);
}

BOOST_AUTO_TEST_CASE(a_position_in_a_window_is_an_offset) {
    device d = window();
    BOOST_TEST(d.seek(0, cur) == 0);
    BOOST_TEST(d.seek(10, beg) == 10);
    BOOST_TEST(d.seek(5, cur) == 15);
    BOOST_TEST(d.seek(-6, cur) == 9);
    BOOST_TEST(d.seek(-1, from_end) == 99);
    BOOST_TEST(d.seek(0, from_end) == 100);
    BOOST_TEST(d.seek(-40, cur) == 60);
    char c = 0;
    BOOST_TEST(d.read(&c, 1) == 1);
    BOOST_TEST(c == 60);
}

BOOST_AUTO_TEST_CASE(a_position_beyond_the_end_of_a_window_is_its_end) {
    device d = window();
    BOOST_TEST(d.seek(5000, beg) == 100);
    BOOST_TEST(d.seek(most, cur) == 100);
    BOOST_TEST(d.seek(7, from_end) == 100);
    BOOST_TEST(d.seek(-7, cur) == 93);
}

BOOST_AUTO_TEST_CASE(a_bad_seek_is_an_error_and_the_position_stays) {
    device d = window();
    d.seek(10, beg);
    fails_with(EINVAL, [&] { d.seek(-1, beg); });
    fails_with(EINVAL, [&] { d.seek(-11, cur); });
    fails_with(EINVAL, [&] { d.seek(-101, from_end); });
    fails_with(EINVAL, [&] { d.seek(std::numeric_limits<std::int64_t>::min(), cur); });
    BOOST_TEST(d.seek(0, cur) == 10);

    device whole(hundred(), 0x1000);
    fails_with(EINVAL, [&] { whole.seek(-0x1001, cur); });
    fails_with(EOVERFLOW, [&] { whole.seek(0, from_end); });
    fails_with(EOVERFLOW, [&] { whole.seek(most, cur); });
    BOOST_TEST(whole.seek(0, cur) == 0x1000);
    BOOST_TEST(whole.seek(most, beg) == most);
}

BOOST_AUTO_TEST_CASE(a_read_continues_until_the_memory_ends_and_the_next_one_returns_minus_1) {
    device d = window();
    d.memory()->most_at_once = 7;
    char bytes[200];
    BOOST_TEST(d.read(bytes, 30) == 30);
    for (int i = 0; i < 30; ++i) BOOST_TEST(bytes[i] == i);
    BOOST_TEST(d.read(bytes, 200) == 70);
    BOOST_TEST(d.read(bytes, 1) == -1);
    BOOST_TEST(d.read(bytes, 1) == -1);
}

BOOST_AUTO_TEST_CASE(a_read_in_the_whole_space_stops_at_a_hole_and_throws_behind_it) {
    device d(hundred(), 0x1032);
    char bytes[200];
    BOOST_TEST(d.read(bytes, 200) == 50);
    try {
        d.read(bytes, 1);
        BOOST_ERROR("no exception");
    } catch (const memory_error& e) {
        BOOST_TEST(e.where() == 0x1064u);
        BOOST_TEST(e.code().value() == EFAULT);
        BOOST_TEST(e.operation() == std::string("read"));
    }
    BOOST_TEST(d.seek(0, cur) == 0x1064);
}

BOOST_AUTO_TEST_CASE(the_top_of_the_address_space_is_an_end) {
    const address top = ~address{0};
    device d(fake_memory(top - 15, 16), top - 7);
    char bytes[32];
    BOOST_TEST(d.read(bytes, 32) == 8);
    BOOST_TEST(d.read(bytes, 32) == -1);
    fails_with(ENOSPC, [&] { d.write(bytes, 1); });
    fails_with(ENOSPC, [&] { d.seek(0, beg); });
    d.seek(0, beg);
    BOOST_TEST(d.position().where() == 0u);
}

BOOST_AUTO_TEST_CASE(a_size_of_0_reads_minus_1_and_writes_0) {
    device d = window();
    char c = 0;
    BOOST_TEST(d.read(&c, 0) == -1);
    BOOST_TEST(d.write(&c, 0) == 0);
    BOOST_TEST(d.memory()->calls == 0u);
    fails_with(EINVAL, [&] { d.read(&c, -1); });
    fails_with(EINVAL, [&] { d.write(&c, -5); });
    BOOST_TEST(d.seek(0, cur) == 0);
}

BOOST_AUTO_TEST_CASE(a_write_moves_all_of_it) {
    device d = window();
    d.memory()->most_at_once = 3;
    d.seek(10, beg);
    BOOST_TEST(d.write("hello world", 11) == 11);
    BOOST_TEST(d.seek(0, cur) == 21);
    BOOST_TEST(std::memcmp(d.memory()->bytes.data() + 10, "hello world", 11) == 0);
    BOOST_TEST((d.memory()->bytes[21] == std::byte{21}));
}

BOOST_AUTO_TEST_CASE(a_write_that_cannot_be_completed_throws_and_the_position_goes_back) {
    device d = window();
    d.seek(95, beg);
    try {
        d.write("0123456789", 10);
        BOOST_ERROR("no exception");
    } catch (const memory_error& e) {
        BOOST_TEST(e.code().value() == ENOSPC);
        BOOST_TEST(e.where() == 0x1064u);
        BOOST_TEST(e.operation() == std::string("write"));
    }
    BOOST_TEST(d.position().offset() == 95u);

    device hole(hundred(), 0x1062);
    fails_with(EFAULT, [&] { hole.write("0123456789", 10); });
    BOOST_TEST(hole.position().where() == 0x1062u);
}

BOOST_AUTO_TEST_CASE(a_failed_write_is_reported_once_more_by_the_next_seek_or_close) {
    device d(hundred(), 0x1064);
    fails_with(EFAULT, [&] { d.write("x", 1); });
    fails_with(EFAULT, [&] { d.seek(0x1000, beg); });
    BOOST_TEST(d.seek(0x1000, beg) == 0x1000);  // said once is enough

    d.seek(0x1064, beg);
    fails_with(EFAULT, [&] { d.write("x", 1); });
    fails_with(EFAULT, [&] { d.close(); });
    BOOST_TEST(!d.is_open());
    d.close();

    device healed(hundred(), 0x1063);
    fails_with(EFAULT, [&] { healed.write("xy", 2); });
    BOOST_TEST(healed.write("x", 1) == 1);
    BOOST_TEST(healed.seek(0, cur) == 0x1064);

    device original(hundred(), 0x1064);
    fails_with(EFAULT, [&] { original.write("x", 1); });
    device copy = original;
    BOOST_TEST(copy.seek(0x1000, beg) == 0x1000);  // the copy has nothing to tell
    BOOST_TEST(original.write("x", 0) == 0);       // and writing nothing makes nothing good
    fails_with(EFAULT, [&] { original.seek(0x1000, beg); });
}

BOOST_AUTO_TEST_CASE(a_copy_shares_the_memory_and_has_its_own_position) {
    device d = window();
    d.seek(10, beg);
    device copy = d;
    char c = 0;
    BOOST_TEST(copy.read(&c, 1) == 1);
    BOOST_TEST(copy.seek(0, cur) == 11);
    BOOST_TEST(d.seek(0, cur) == 10);
    copy.seek(0, beg);
    copy.write("Z", 1);
    d.seek(0, beg);
    BOOST_TEST(d.read(&c, 1) == 1);
    BOOST_TEST(c == 'Z');
    copy.close();
    BOOST_TEST(d.is_open());
}

BOOST_AUTO_TEST_CASE(a_device_that_is_not_open_throws_EBADF) {
    device d;
    char c = 0;
    BOOST_TEST(!d.is_open());
    fails_with(EBADF, [&] { d.read(&c, 1); });
    fails_with(EBADF, [&] { d.read(&c, 0); });
    fails_with(EBADF, [&] { d.write(&c, 1); });
    fails_with(EBADF, [&] { d.seek(0, beg); });
    d.close();
}

BOOST_AUTO_TEST_CASE(a_device_is_opened_once_and_may_be_opened_again_after_closing) {
    device d;
    d.open(hundred(), 0x1001);
    BOOST_TEST(d.is_open());
    fails_with(EBUSY, [&] { d.open(hundred()); });
    BOOST_TEST(d.seek(0, cur) == 0x1001);
    d.close();
    d.open(hundred(), address_range(0x1000, 0x1010));
    BOOST_TEST(d.seek(0, from_end) == 16);
}

BOOST_AUTO_TEST_CASE(an_empty_window_is_at_its_end) {
    device d(hundred(), address_range(0x1000, 0x1000));
    char c = 0;
    BOOST_TEST(d.read(&c, 1) == -1);
    fails_with(ENOSPC, [&] { d.write(&c, 1); });
}
