// SPDX-License-Identifier: BSL-1.0
/// boost::iostreams::stream_buffer<device> is one type, whatever headers a file includes, and in whatever order.
#include <vmio/memory_device.hpp>

#include <boost/iostreams/stream.hpp>

#include "stream/include_orders.hpp"

#include <cstring>
#include <typeinfo>

#include <boost/test/unit_test.hpp>

#include "support/fake_memory.hpp"

using device = vmio::memory_device<test::fake_memory>;
using buffer = boost::iostreams::stream_buffer<device>;

test::buffer_facts test::facts_by_memory_device() {
    using traits = boost::iostreams::detail::stream_buffer_traits<device, std::char_traits<char>, std::allocator<char>,
                                                                  boost::iostreams::mode_of<device>::type>;
    return {sizeof(buffer), typeid(traits::type).name()};
}

BOOST_AUTO_TEST_CASE(two_files_with_different_includes_have_the_same_stream_buffer) {
    const test::buffer_facts first = test::facts_by_memory_device();
    const test::buffer_facts second = test::facts_by_boost_first();
    BOOST_TEST(first.size == second.size);
    BOOST_TEST(first.base == second.base);
    BOOST_TEST(first.base == typeid(vmio::boost_stream_buffer<device, std::char_traits<char>>).name());
}

BOOST_AUTO_TEST_CASE(a_stream_buffer_made_in_one_file_can_be_used_in_another) {
    test::fake_memory memory(0x1000, 16);
    std::memcpy(memory->bytes.data(), "hello", 5);
    buffer made_here{device(memory, 0x1000)};
    BOOST_TEST(test::read_by_boost_first(made_here) == "hello");
    BOOST_TEST(!made_here.is_open());
}
