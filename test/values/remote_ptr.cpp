// SPDX-License-Identifier: BSL-1.0
#include <vmio/remote_ptr.hpp>

#include <cerrno>
#include <cstdint>
#include <stdexcept>
#include <type_traits>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <vmio/process_memory.hpp>

#include "processes/child.hpp"
#include "support/error_of.hpp"
#include "support/pages.hpp"

using vmio::process_memory;
using vmio::remote_ptr;

namespace {

struct node {
    node* next;
    int value;
};
struct remote_node {
    remote_ptr<remote_node> next;
    int value;
};
static_assert(sizeof(remote_ptr<node>) == 8 && sizeof(remote_ptr<node, std::uint32_t>) == 4);
static_assert(sizeof(remote_node) == sizeof(node));
static_assert(std::is_trivially_copyable_v<remote_node>);

}  // namespace

BOOST_AUTO_TEST_SUITE(remote_ptr_)

BOOST_AUTO_TEST_CASE(a_list_of_a_child_is_followed_as_by_pointers) {
    node third{nullptr, 30};
    node second{&third, 20};
    const node first{&second, 10};
    test::on_self_and_child([&](pid_t id) {
        const process_memory memory(id);
        std::vector<int> values;
        for (remote_ptr<remote_node> p(vmio::address_of(&first)); p; p = p.in(memory)->next)
            values.push_back(p.in(memory)->value);
        BOOST_TEST(values == (std::vector{10, 20, 30}), boost::test_tools::per_element());
    });
}

BOOST_AUTO_TEST_CASE(elements_are_read_and_written_by_their_index) {
    int numbers[]{1, 2, 3, 4};
    const test::child_process child;
    const process_memory memory(child.id());
    const remote_ptr<int> p(&numbers[0]);
    BOOST_TEST(*p.in(memory) == 1);
    BOOST_TEST(p.in(memory)[3] == 4);
    BOOST_TEST((p + 3).in(memory)[-1] == 3);
    p.in(memory).set(7, 2);
    BOOST_TEST(p.in(memory)[2] == 7);
    BOOST_TEST(numbers[2] == 3);
}

BOOST_AUTO_TEST_CASE(pointers_count_in_elements) {
    remote_ptr<double> p(0x1000);
    BOOST_TEST((p + 2).get() == 0x1010u);
    BOOST_TEST((2 + p).get() == 0x1010u);
    BOOST_TEST((p - 1).get() == 0xff8u);
    BOOST_TEST((++p).get() == 0x1008u);
    BOOST_TEST((--p).get() == 0x1000u);
    BOOST_TEST((p + 5) - p == 5);
    BOOST_TEST(p - (p + 5) == -5);
    BOOST_TEST((p < p + 1 && p != p + 1 && p == remote_ptr<double>(0x1000)));
    BOOST_TEST((remote_ptr<char>(0x1001) > remote_ptr<char>(0x1000)));
    BOOST_TEST(p.as<char>().get() == 0x1000u);
    BOOST_TEST((remote_ptr<char, std::uint32_t>(0xffffffff) + 1).get() == 0u);
}

BOOST_AUTO_TEST_CASE(a_null_pointer_is_false_and_refuses_access) {
    const remote_ptr<int> null;
    BOOST_TEST(!null);
    BOOST_TEST((null == nullptr));
    BOOST_TEST(null.get() == 0u);
    const process_memory memory(::getpid());
    BOOST_TEST(test::error_of([&] { *null.in(memory); }) == EFAULT);
    BOOST_TEST(test::error_of([&] { null.in(memory)[0x1000]; }) == EFAULT);
}

BOOST_AUTO_TEST_CASE(the_first_byte_that_cannot_be_read_is_named) {
    test::pages area(2);
    area.make_hole(1);
    const process_memory memory(::getpid());
    const remote_ptr<std::uint64_t> p(area.page(1) - 4);
    BOOST_CHECK_EXCEPTION(*p.in(memory), vmio::memory_error,
                          [&](const vmio::memory_error& e) { return e.where() == area.page(1); });
}

BOOST_AUTO_TEST_CASE(an_address_that_a_word_cannot_hold_is_refused) {
    BOOST_CHECK_THROW((remote_ptr<int, std::uint32_t>(std::uint64_t{1} << 32)), std::out_of_range);
}

BOOST_AUTO_TEST_SUITE_END()
