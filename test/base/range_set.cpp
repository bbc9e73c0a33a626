// SPDX-License-Identifier: BSL-1.0
#include "base/range_set.hpp"

#include <bitset>
#include <random>

#include <boost/test/unit_test.hpp>

using vmio::address_range;

namespace {

constexpr std::size_t size = 64;
using set = std::vector<address_range>;
using picture = std::bitset<size>;

picture drawn(const set& ranges) {
    picture p;
    for (const address_range& r : ranges)
        for (auto a = r.start(); a < r.end(); ++a) p.set(a);
    return p;
}

bool is_set(const set& ranges) {
    vmio::address end = 0;
    for (const address_range& r : ranges) {
        if (r.empty() || r.start() < end) return false;
        end = r.end();
    }
    return true;
}

set random_ranges(std::mt19937& random) {
    set ranges(random() % 8);
    for (address_range& r : ranges) {
        const std::uint64_t start = random() % size;
        r = {start, start + random() % (size - start + 1)};
    }
    return ranges;
}

}  // namespace

BOOST_AUTO_TEST_CASE(sets_are_what_their_pictures_say) {
    std::mt19937 random(5);
    for (int i = 0; i < 20000; ++i) {
        const set loose = random_ranges(random);
        const set a = vmio::detail::made_set(loose);
        const set b = vmio::detail::made_set(random_ranges(random));
        BOOST_REQUIRE(is_set(a) && drawn(a) == drawn(loose));
        const set common = vmio::detail::intersected(a, b);
        BOOST_REQUIRE(is_set(common) && drawn(common) == (drawn(a) & drawn(b)));
        const set all = vmio::detail::united(a, b);
        BOOST_REQUIRE(is_set(all) && drawn(all) == (drawn(a) | drawn(b)));
        const set rest = vmio::detail::without(a, b);
        BOOST_REQUIRE(is_set(rest) && drawn(rest) == (drawn(a) & ~drawn(b)));
    }
}

BOOST_AUTO_TEST_CASE(neighbours_are_joined_when_a_set_is_made) {
    BOOST_TEST((vmio::detail::made_set({{4, 6}, {2, 4}, {8, 9}, {7, 7}}) == set{{2, 6}, {8, 9}}));
    BOOST_TEST((vmio::detail::united(set{{1, 2}}, set{{2, 3}}) == set{{1, 3}}));
}

BOOST_AUTO_TEST_CASE(the_first_above_is_the_one_that_covers_or_follows) {
    const set s{{2, 4}, {6, 8}};
    BOOST_TEST(vmio::detail::first_above(s, 0) == &s[0]);
    BOOST_TEST(vmio::detail::first_above(s, 3) == &s[0]);
    BOOST_TEST(vmio::detail::first_above(s, 4) == &s[1]);
    BOOST_TEST(vmio::detail::first_above(s, 8) == s.data() + 2);
    BOOST_TEST(vmio::detail::first_above({}, 8) == nullptr);
}
