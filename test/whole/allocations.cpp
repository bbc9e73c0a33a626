// SPDX-License-Identifier: BSL-1.0
/// No transfer allocates. Every operator new of this program is counted.
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <vmio/process_vm_stream.hpp>

#include "faults/count_allocations.hpp"
#include "processes/child.hpp"
#include "support/pages.hpp"

using test::allocations_of;

namespace {

const std::size_t page = vmio::page_size();

}  // namespace

BOOST_AUTO_TEST_CASE(the_option_count_prints_the_number_of_matches) {
    // A new-expression, or a container, a compiler may do without; a call not.
    BOOST_TEST(allocations_of([] { ::operator delete(::operator new(100)); }) == 1u);
}

BOOST_AUTO_TEST_CASE(transfers_of_any_size_do_not_allocate) {
    test::pages some(1024);
    some.make_hole(1000);
    test::child_process child;
    const vmio::process_memory memory{vmio::process(child.id())};
    std::vector<std::byte> bytes(some.size());
    std::error_code ec;
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, page + 1, some.size()}) {
        BOOST_TEST(allocations_of([&] { memory.read_some(some.start(), std::span(bytes).first(size), ec); }) == 0u);
        BOOST_TEST(allocations_of([&] { memory.write_some(some.start(), std::span(bytes).first(size), ec); }) == 0u);
    }
    BOOST_TEST(allocations_of([&] { memory.read_some(0, bytes, ec); }) == 0u);
    BOOST_TEST(allocations_of([&] { memory.read_value<long>(some.start()); }) == 0u);
}

BOOST_AUTO_TEST_CASE(a_stream_in_its_steady_state_does_not_allocate) {
    const test::pages some(64);
    test::child_process child;
    vmio::process_vm_stream s(child.id(), some.range());
    std::vector<char> bytes(some.size());
    const auto size = static_cast<std::streamsize>(bytes.size());
    for (int round = 0; round < 3; ++round) {
        const std::size_t count = allocations_of([&] {
            s.seekg(0);
            s.read(bytes.data(), size);
            s.seekp(0);
            s.write(bytes.data(), size);
            s.seekg(100);
            for (int i = 0; i < 1000; ++i) s.read_value<long>();
            for (int i = 0; i < 1000; ++i) s.write_value(long{i});
            s.flush();
            s.seekg(0);
            s.ignore(1000);
            s.get();
            s.unget();
            s.tellg();
        });
        BOOST_TEST(count == 0u);
        BOOST_TEST(s.good());
    }
}
