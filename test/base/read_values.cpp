// SPDX-License-Identifier: BSL-1.0
/// Many values of a memory.
#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <vector>

#include <boost/endian/arithmetic.hpp>
#include <boost/test/unit_test.hpp>

#include <vmio/any_memory.hpp>
#include <vmio/error.hpp>
#include <vmio/process_memory.hpp>

#include "processes/child.hpp"
#include "support/pages.hpp"

using vmio::address;
using vmio::any_memory;
using vmio::process_memory;

namespace {

template <class M>
concept reads_into_constants = requires(const M& m, std::span<const int> to) {
    m.read_values(address{}, to);
};
template <class M>
concept reads_strings = requires(const M& m, std::span<std::string> to) {
    m.read_values(address{}, to);
};

static_assert(!reads_into_constants<process_memory> && !reads_into_constants<any_memory>);
static_assert(!reads_strings<process_memory> && !reads_strings<any_memory>);

const std::size_t page = vmio::page_size();

template <class M>
void expect_values(const M& memory, const test::pages& some) {
    const auto* const expected = reinterpret_cast<const std::uint64_t*>(some.data());
    std::array<std::uint64_t, 5> fixed{};
    memory.read_values(some.start() + 8, std::span(fixed));
    BOOST_TEST(std::equal(fixed.begin(), fixed.end(), expected + 1));
    std::vector<std::uint64_t> variable(page / 8 + 1);
    memory.read_values(some.start(), std::span(variable));
    BOOST_TEST(std::equal(variable.begin(), variable.end(), expected));
    const std::vector<std::uint64_t> made = memory.template read_values<std::uint64_t>(some.start() + 16, 700);
    BOOST_TEST(made.size() == 700u);
    BOOST_TEST(std::equal(made.begin(), made.end(), expected + 2));
    BOOST_TEST(memory.template read_values<int>(0, 0).empty());
    BOOST_TEST(memory.template read_value<boost::endian::big_uint64_t>(some.start()) == __builtin_bswap64(expected[0]));
}

template <class M>
void expect_errors(const M& memory, const test::pages& some) {
    const auto at_hole = [&](const vmio::memory_error& e) { return e.where() == some.page(2); };
    std::vector<int> to(page);
    BOOST_CHECK_EXCEPTION(memory.read_values(some.start(), std::span(to)), vmio::memory_error, at_hole);
    constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
    for (const std::size_t count : {page, most / 64})  // the latter are more bytes than a machine has
        BOOST_CHECK_EXCEPTION(memory.template read_values<int>(some.start(), count), vmio::memory_error, at_hole);
    for (const std::size_t count : {most, most / 4 + 1, most / 8 + 1})
        BOOST_CHECK_THROW(memory.template read_values<int>(some.start(), count), std::length_error);
}

}  // namespace

BOOST_AUTO_TEST_CASE(values_are_read_into_a_span_or_a_vector) {
    const test::pages some(3);
    test::on_self_and_child([&](pid_t id) {
        const process_memory memory{vmio::process(id)};
        expect_values(memory, some);
        expect_values(any_memory(memory), some);
    });
}

BOOST_AUTO_TEST_CASE(values_that_are_not_there_are_an_error_however_many_they_are) {
    test::pages some(3);
    some.make_hole(2);
    test::on_self_and_child([&](pid_t id) {
        const process_memory memory{vmio::process(id)};
        expect_errors(memory, some);
        expect_errors(any_memory(memory), some);
    });
}

BOOST_AUTO_TEST_CASE(more_values_than_one_part_are_read_whole) {
    std::vector<std::uint32_t> there(3'000'000);
    for (std::size_t i = 0; i < there.size(); ++i) there[i] = static_cast<std::uint32_t>(i * 2654435761u);
    const process_memory memory(vmio::process::self());
    BOOST_TEST((memory.read_values<std::uint32_t>(vmio::address_of(there.data()), there.size()) == there));
}
