// SPDX-License-Identifier: BSL-1.0
#include <vmio/memory_gap.hpp>

#include <set>
#include <string>

#include <boost/test/unit_test.hpp>

using vmio::gap_reason;

BOOST_AUTO_TEST_CASE(every_reason_has_its_own_description) {
    const auto last = static_cast<int>(gap_reason::cut_off);
    std::set<std::string> words;
    for (int reason = 0; reason <= last + 1; ++reason) words.insert(description(static_cast<gap_reason>(reason)));
    BOOST_TEST(words.size() == static_cast<std::size_t>(last) + 2);
    BOOST_TEST(description(static_cast<gap_reason>(last + 1)) == std::string("unknown"));
    BOOST_TEST(description(gap_reason::guard_page) == std::string("a guard page"));
}
