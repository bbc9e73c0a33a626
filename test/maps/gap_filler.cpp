// SPDX-License-Identifier: BSL-1.0
#include "maps/gap_filler.hpp"

#include <algorithm>
#include <cerrno>
#include <vector>

#include <sys/mman.h>

#include <boost/test/unit_test.hpp>

#include <vmio/memory_map.hpp>
#include <vmio/query_mapping.hpp>

#include "faults/seccomp.hpp"
#include "proc/procmap_query.hpp"
#include "processes/child.hpp"
#include "support/mapped.hpp"
#include "support/maps.hpp"
#include "support/skip.hpp"

using test::mapped;
using vmio::mapping;
using vmio::process;
using vmio::detail::fill_gaps;
using vmio::detail::mapping_name_resolver;

namespace {

const std::size_t page = vmio::page_size();

boost::test_tools::assertion_result can_ask(boost::unit_test::test_unit_id) {
    return test::unless_missing(vmio::has_fast_mapping_query(), "PROCMAP_QUERY (Linux 6.11)");
}

/// The list of `target` without some of its mappings, and what becomes of it.
std::vector<mapping> filled(const process& target, std::vector<mapping> list) {
    mapping_name_resolver names(target);
    fill_gaps(list, target.maps(), names);
    return list;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_mapping_that_the_list_lacks_is_added, *boost::unit_test::precondition(can_ask)) {
    const test::child_process child;
    const process target(child.id());
    const std::vector<mapping> all = test::mappings_by_text(target);
    for (std::size_t i = 0; i < all.size(); ++i) {
        std::vector<mapping> without_one = all;
        without_one.erase(without_one.begin() + static_cast<std::ptrdiff_t>(i));
        BOOST_TEST(filled(target, without_one) == all, boost::test_tools::per_element());
    }
    BOOST_TEST(filled(target, {}) == all, boost::test_tools::per_element());
    BOOST_TEST(filled(target, all) == all, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_mapping_that_the_list_shows_in_part_is_cut_to_the_gap,
                     *boost::unit_test::precondition(can_ask)) {
    const test::unnamed_file file(6);
    const mapped some(6, MAP_PRIVATE, file.get());
    const process self = process::self();
    const auto whole = vmio::query_mapping(self, some.start());
    BOOST_REQUIRE(whole.has_value());
    BOOST_REQUIRE((whole->range == some.range()));
    const auto part = [&](std::size_t first, std::size_t end) {
        mapping m = *whole;
        m.range = {some.page(first), some.page(end)};
        m.offset += first * page;
        return m;
    };
    std::vector<mapping> list = filled(self, {part(0, 2), part(4, 6)});
    std::erase_if(list, [&](const mapping& m) { return !m.range.overlaps(some.range()); });
    BOOST_TEST(list == (std::vector{part(0, 2), part(2, 4), part(4, 6)}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_list_stays_as_it_is_where_the_kernel_cannot_be_asked) {
    BOOST_TEST(test::in_a_process([] {
                   test::forbid_ioctl(vmio::detail::procmap::request, ENOTTY);
                   const process self = process::self();
                   const std::vector<mapping> none = filled(self, {});
                   return none.empty() ? 0 : 1;
               }) == 0);
}
