// SPDX-License-Identifier: BSL-1.0
#include "capture/diff_runs.hpp"

#include <random>

#include <boost/test/unit_test.hpp>

using vmio::address_range;
using vmio::detail::diff_runs;

namespace {

using runs = std::vector<address_range>;
using bytes = std::vector<std::byte>;

runs by_looking_at_each(vmio::address start, const bytes& a, const bytes& b) {
    runs found;
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (a[i] == b[i]) continue;
        if (!found.empty() && found.back().end() == start + i)
            found.back() = {found.back().start(), start + i + 1};
        else
            found.emplace_back(start + i, start + i + 1);
    }
    return found;
}

}  // namespace

BOOST_AUTO_TEST_CASE(runs_are_exact_to_the_byte_however_the_bytes_come) {
    std::mt19937 random(7);
    for (int round = 0; round < 2000; ++round) {
        bytes a(random() % 3000);
        for (std::byte& x : a) x = static_cast<std::byte>(random() % 2);
        bytes b = a;
        for (std::size_t i = 0; !b.empty() && i < random() % 20; ++i) b[random() % b.size()] ^= std::byte{4};
        diff_runs found(0);
        for (std::size_t at = 0; at < a.size();) {
            const std::size_t n = std::min<std::size_t>(a.size() - at, 1 + random() % 1000);
            found.compare(100 + at, std::span(a).subspan(at, n), std::span(b).subspan(at, n));
            at += n;
        }
        BOOST_REQUIRE((found.take() == by_looking_at_each(100, a, b)));
    }
}

BOOST_AUTO_TEST_CASE(runs_that_lie_close_are_joined_if_asked_for) {
    const bytes a(100);
    bytes b(100);
    for (const std::size_t i : {0, 3, 10, 99}) b[i] = std::byte{1};
    for (const auto& [join_within, expected] :
         {std::pair<std::uint64_t, runs>{1, {{0, 1}, {3, 4}, {10, 11}, {99, 100}}},
          {2, {{0, 4}, {10, 11}, {99, 100}}},
          {6, {{0, 11}, {99, 100}}},
          {88, {{0, 100}}}}) {
        diff_runs found(join_within);
        found.compare(0, a, b);
        BOOST_TEST((found.take() == expected));
    }
}
