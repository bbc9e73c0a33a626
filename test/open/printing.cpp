// SPDX-License-Identifier: BSL-1.0
#include <vmio/format.hpp>

#include <algorithm>
#include <cerrno>
#include <sstream>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <vmio/block_scanner.hpp>
#include <vmio/cow_view.hpp>
#include <vmio/error.hpp>
#include <vmio/mapping.hpp>
#include <vmio/memory_diff.hpp>
#include <vmio/memory_gap.hpp>
#include <vmio/page_state.hpp>
#include <vmio/remote_ptr.hpp>

namespace {

/// By operator<<, which is what test frameworks use, and to_string(), which are the same.
template <class T>
std::string printed(const T& value) {
    std::ostringstream out;
    out << value;
    BOOST_TEST(to_string(value) == out.str());
#ifdef __cpp_lib_format
    BOOST_TEST(std::format("{}", value) == out.str());
    BOOST_TEST(std::format("{:>200}", value).size() == 200u);
#endif
    return out.str();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(printing)

BOOST_AUTO_TEST_CASE(each_type_that_a_test_compares_is_printed) {
    const vmio::address_range range(0x1000, 0x3000);
    BOOST_TEST(printed(range) == "[0x1000, 0x3000)");
    BOOST_TEST(printed(vmio::permissions{true, false, true, false}) == "r-xp");
    BOOST_TEST(printed(vmio::memory_gap{range, vmio::gap_reason::guard_page}) == "[0x1000, 0x3000): a guard page");
    BOOST_TEST(printed(vmio::page_state::none) == "none");
    BOOST_TEST(printed(vmio::page_state::present | vmio::page_state::data) == "present|data");
    BOOST_TEST(printed(vmio::page_run{range, vmio::page_state::guard}) == "[0x1000, 0x3000): guard");
    BOOST_TEST(printed(vmio::memory_block{0x1234, 16}) == "16 bytes at 0x1234");
    BOOST_TEST(printed(vmio::changed_run{4096, 8192}) == "8192 bytes at offset 4096");
    BOOST_TEST(printed(vmio::memory_difference{range, vmio::difference::only_after}) == "[0x1000, 0x3000): only after");
    BOOST_TEST(printed(vmio::memory_difference{range}) == "[0x1000, 0x3000): bytes");
}

BOOST_AUTO_TEST_CASE(a_block_that_was_not_read_is_printed_with_the_reason) {
    const std::vector<std::byte> bytes(8);
    vmio::block_result result{0x1000, 16, bytes, false, std::error_code(EFAULT, std::system_category())};
    BOOST_TEST(printed(result) == "16 bytes at 0x1000: 8 read, Bad address");
    result = {0x1000, 16, bytes, true, {}};
    BOOST_TEST(printed(result) == "16 bytes at 0x1000: 8 read, the limit");
    result = {0x1000, 8, bytes, false, {}};
    BOOST_TEST(printed(result) == "8 bytes at 0x1000");
}

BOOST_AUTO_TEST_CASE(flags_have_all_their_names) {
    using vmio::page_state;
    const std::string all = to_string(page_state::all);
    std::size_t flags = 0;
    for (auto rest = static_cast<std::uint32_t>(page_state::all); rest != 0; rest &= rest - 1) ++flags;
    BOOST_TEST(static_cast<std::size_t>(std::count(all.begin(), all.end(), '|')) + 1 == flags);
}

BOOST_AUTO_TEST_CASE(ranges_of_what_is_printed_can_be_compared_by_boost_test) {
    const std::vector<vmio::address_range> one{{1, 2}, {3, 4}};
    const std::vector<vmio::address_range> other = one;
    BOOST_TEST(one == other, boost::test_tools::per_element());
    std::ostringstream out;
    out << vmio::gap_reason::swapped << ' ' << vmio::remote_ptr<int>(0x10);
    BOOST_TEST(out.str() == "swapped out 0x10");
}

BOOST_AUTO_TEST_SUITE_END()
