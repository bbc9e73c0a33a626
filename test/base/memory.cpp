// SPDX-License-Identifier: BSL-1.0
#include <vmio/memory.hpp>

#include <string>

#include <boost/test/unit_test.hpp>

#include <vmio/detail/memory_naming.hpp>
#include <vmio/process_memory.hpp>

#include "support/fake_memory.hpp"

namespace {

struct read_only {
    std::size_t read_some(vmio::address, std::span<std::byte>, std::error_code&) noexcept { return 0; }
};

/// Declared as one that may throw.
struct throwing {
    std::size_t read_some(vmio::address, std::span<std::byte>, std::error_code&) { return 0; }
    std::size_t write_some(vmio::address, std::span<const std::byte>, std::error_code&) { return 0; }
};

}  // namespace

static_assert(vmio::memory_reader<vmio::process_memory> && vmio::memory_writer<vmio::process_memory>);
static_assert(vmio::memory_reader<test::fake_memory> && vmio::memory_writer<test::fake_memory>);
static_assert(vmio::memory_reader<read_only> && !vmio::memory_writer<read_only>);
static_assert(!vmio::memory_reader<throwing> && !vmio::memory_writer<throwing>);
static_assert(!vmio::memory_reader<int> && !vmio::memory_writer<std::string>);

BOOST_AUTO_TEST_CASE(a_memory_may_name_itself_in_errors) {
    const vmio::process_memory self(vmio::process::self());
    BOOST_TEST(vmio::detail::process_id_of(self) == ::getpid());
    BOOST_TEST(vmio::detail::read_operation_of(self) == std::string("process_vm_readv"));
    BOOST_TEST(vmio::detail::write_operation_of(self) == std::string("process_vm_writev"));
}

BOOST_AUTO_TEST_CASE(a_memory_without_names_has_plain_ones) {
    const read_only m;
    BOOST_TEST(vmio::detail::process_id_of(m) == 0);
    BOOST_TEST(vmio::detail::read_operation_of(m) == std::string("read"));
    BOOST_TEST(vmio::detail::write_operation_of(m) == std::string("write"));
}
