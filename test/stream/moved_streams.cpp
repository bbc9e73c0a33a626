// SPDX-License-Identifier: BSL-1.0
/// Moving and swapping of devices, buffers and streams, and what is left of them.
#include <vmio/process_vm_stream.hpp>

#include <cerrno>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>

#include <boost/test/unit_test.hpp>

#include <vmio/memory_stream.hpp>

#include "processes/child.hpp"
#include "support/fake_memory.hpp"
#include "support/pages.hpp"

using test::fake_memory;
using vmio::address;
using vmio::memory_error;
using vmio::process_vm_stream;
using device = vmio::memory_device<fake_memory>;
using stream = vmio::memory_stream<fake_memory>;

namespace {

constexpr address base = 0x1000;

fake_memory filled(char c) {
    fake_memory m(base, 64);
    std::memset(m->bytes.data(), c, m->bytes.size());
    return m;
}

std::string start_of(const fake_memory& m, std::size_t n) {
    return {reinterpret_cast<const char*>(m->bytes.data()), n};
}

/// What the class promises of a stream that is not open.
template <class S>
void is_as_if_closed(S& s) {
    BOOST_TEST(!s.is_open());
    BOOST_TEST(!s.last_error());
    s.clear();
    BOOST_TEST(s.get() == EOF);
    s.clear();
    BOOST_TEST(!s.put('x').flush().good());
    s.clear();
    BOOST_TEST(s.tellg() == std::streampos(-1));
    BOOST_TEST(!s.seekg(0));
    s.clear();
    BOOST_TEST(s.template read_value<int>() == 0);
    s.close();
    BOOST_TEST(s.rdbuf()->in_avail() == -1);
    BOOST_TEST(!s.device().is_open());
}

}  // namespace

static_assert(std::is_nothrow_swappable_v<stream> && std::is_nothrow_swappable_v<process_vm_stream> &&
              std::is_nothrow_swappable_v<vmio::process_vm_istream> &&
              std::is_nothrow_swappable_v<vmio::process_vm_ostream> && std::is_nothrow_swappable_v<device>);
static_assert(std::is_nothrow_move_constructible_v<process_vm_stream> &&
              std::is_nothrow_move_assignable_v<process_vm_stream> && !std::is_copy_constructible_v<process_vm_stream>);

BOOST_AUTO_TEST_CASE(a_device_that_was_moved_from_is_not_open) {
    device first(filled('a'), base + 5);
    device second(std::move(first));
    BOOST_TEST(!first.is_open());
    BOOST_TEST(second.seek(0, std::ios_base::cur) == base + 5);
    char c = 0;
    BOOST_CHECK_THROW(first.read(&c, 1), memory_error);
    first.close();
    first = std::move(second);
    BOOST_TEST(!second.is_open());
    BOOST_TEST(first.read(&c, 1) == 1);
    second.open(filled('b'), base);
    BOOST_TEST(second.read(&c, 1) == 1);
    BOOST_TEST(c == 'b');

    vmio::process_vm_device ours(::getpid(), vmio::address_of(&c));
    const vmio::process_vm_device moved(std::move(ours));
    BOOST_TEST(!ours.is_open());
    BOOST_TEST(moved.is_open());
}

BOOST_AUTO_TEST_CASE(a_stream_that_was_moved_from_is_as_if_closed_and_can_be_opened_again) {
    stream first(filled('a'), base);
    first.get();
    stream second(std::move(first));
    is_as_if_closed(first);
    first.open(filled('b'), base);
    BOOST_TEST(first.get() == 'b');
    stream third;
    third = std::move(second);
    is_as_if_closed(second);
    BOOST_TEST(third.tellg() == base + 1);

    int value = 5;
    process_vm_stream ours(::getpid(), vmio::address_of(&value));
    process_vm_stream moved(std::move(ours));
    is_as_if_closed(ours);
    BOOST_TEST(moved.read_value<int>() == 5);
}

BOOST_AUTO_TEST_CASE(two_streams_swap_devices_buffers_and_states_and_write_nothing) {
    const fake_memory a = filled('a');
    const fake_memory b = filled('b');
    stream first(a, base);
    stream second(b, base + 8);
    first << "12";  // pending
    second.get();   // read ahead
    second.setstate(std::ios_base::failbit);
    second.exceptions(std::ios_base::badbit);
    b->bytes[9] = std::byte{'!'};

    first.swap(second);
    BOOST_TEST(start_of(a, 2) == "aa");
    BOOST_TEST(first.fail());
    BOOST_TEST(second.good());
    BOOST_TEST(first.exceptions() == std::ios_base::badbit);
    BOOST_TEST(second.exceptions() == std::ios_base::goodbit);
    first.clear();
    BOOST_TEST(first.get() == 'b');  // still what was read ahead
    BOOST_TEST(first.tellg() == base + 10);
    second << "34" << std::flush;
    BOOST_TEST(start_of(a, 5) == "1234a");

    using std::swap;
    swap(first, second);
    BOOST_TEST(first.tellp() == base + 4);
    BOOST_TEST(second.tellg() == base + 10);
    BOOST_TEST(first.rdbuf() == static_cast<std::ios&>(first).rdbuf());
    first << "56";
    first.close();
    BOOST_TEST(start_of(a, 7) == "123456a");
    first.swap(first);
    BOOST_TEST(!first.is_open());
}

BOOST_AUTO_TEST_CASE(a_failed_write_after_a_swap_reaches_the_stream_that_made_it) {
    stream first(filled('a'), base + 64);  // nothing there
    stream second(filled('b'), base);
    first << "x";
    swap(first, second);
    second.flush();
    BOOST_TEST(second.bad());
    BOOST_TEST(first.good());
}

BOOST_AUTO_TEST_CASE(streams_over_a_process_swap) {
    int one = 1;
    int two = 2;
    process_vm_stream first(::getpid(), vmio::address_of(&one));
    process_vm_stream second(::getpid(), vmio::address_of(&two));
    std::ranges::swap(first, second);
    BOOST_TEST(first.read_value<int>() == 2);
    BOOST_TEST(second.read_value<int>() == 1);
    first.swap(second);
    BOOST_TEST(second.tellg() == static_cast<std::streamoff>(vmio::address_of(&two) + sizeof two));
}
