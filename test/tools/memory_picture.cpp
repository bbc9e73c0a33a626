// SPDX-License-Identifier: BSL-1.0
#include "memory_picture.hpp"

#include <cstdint>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

using vmio::address;
using vmio::page_run;
using vmio::page_state;

namespace {

const std::uint64_t page = vmio::page_size();

/// Of pages: ranges and names of what is mapped, and runs.
struct scene {
    std::vector<std::pair<vmio::address_range, std::string>> mapped;
    std::vector<page_run> pages;

    std::string draw(std::size_t columns, bool unicode = false) const {
        std::string text;
        for (const auto& [range, name] : mapped)
            text += tool::hex(range.start() * page) + '-' + tool::hex(range.end() * page) + " rw-p 00000000 00:00 0 " +
                    name + '\n';
        const auto map = vmio::memory_map::from_text(text);
        BOOST_REQUIRE(map.size() == mapped.size());
        std::vector<page_run> runs;
        for (const page_run& r : pages) runs.push_back({{r.range.start() * page, r.range.end() * page}, r.state});
        std::ostringstream out;
        tool::memory_picture(map, runs, {columns, unicode}).draw(out);
        return out.str();
    }
};

/// With addresses in pages, for any size of page.
std::string at(std::uint64_t number) {
    return tool::hex(number * page, 12) + ' ';
}

std::string block(std::uint64_t pages) {
    return "a block is " + tool::size_text(pages * page) + ": -+*# resident, s swapped, . mapped\n";
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_block_is_a_page_where_that_fits) {
    const scene s{{{{0x100, 0x104}, "/bin/a name"}, {{0x106, 0x10a}, "[heap]"}},
                  {{{0x101, 0x102}, page_state::present},
                   {{0x106, 0x107}, page_state::present | page_state::zero_page},
                   {{0x107, 0x109}, page_state::swapped}}};
    BOOST_TEST(s.draw(48) == block(1) + at(0x100) + ".#..  .ss.       a name\n");
    BOOST_TEST(s.draw(56) == block(1) + at(0x100) + ".#..  .ss.               a name\n");
    // No narrower than this.
    BOOST_TEST(s.draw(0) == block(1) + at(0x100) + ".#..  .s a name\n" + at(0x108) + "s.       [heap]\n");
}

BOOST_AUTO_TEST_CASE(a_distant_mapping_begins_another_row) {
    const scene s{{{{0x100, 0x102}, ""}, {{0x10c, 0x10d}, "/x/y"}, {{0x10000, 0x10001}, "[anon:a/b]"}}, {}};
    const std::string gap = tool::size_text((0x10000 - 0x114) * page);
    BOOST_TEST(s.draw(40) == block(1) + at(0x100) + "..\n" + at(0x10c) + ".        y\n             : " + gap +
                                 " not mapped\n" + at(0x10000) + ".        [anon:a/b]\n");
}

BOOST_AUTO_TEST_CASE(a_block_of_several_pages_is_the_darker_the_more_is_resident) {
    // 800 pages are 25 rows of 8 blocks of 4: a screen. None of them is empty, or it would be left out.
    scene s{{{{0x1000, 0x1320}, "x"}},
            {{{0x1000, 0x1001}, page_state::present},
             {{0x1004, 0x1006}, page_state::present},
             {{0x1009, 0x100c}, page_state::present},
             {{0x100c, 0x1010}, page_state::present},
             {{0x1013, 0x1015}, page_state::present},
             {{0x1018, 0x1019}, page_state::swapped}}};
    for (address at = 0x1020; at < 0x1320; at += 8) s.pages.push_back({{at, at + 1}, page_state::present});
    std::string picture = s.draw(40);
    BOOST_TEST(picture.starts_with(block(4) + at(0x1000) + "-+*#--s. x\n" + at(0x1020) + "-.-.-.-. x\n"));
    BOOST_TEST(picture.ends_with(at(0x1300) + "-.-.-.-. x\n"));
    s.mapped[0].first = {0x1000, 0x1321};
    picture = s.draw(40);
    BOOST_TEST(picture.starts_with(block(8) + at(0x1000) + "+#-s---- x\n"));
    BOOST_TEST(picture.ends_with(at(0x1300) + "----.    x\n"));
}

BOOST_AUTO_TEST_CASE(a_large_untouched_mapping_is_drawn_once) {
    const std::uint64_t start = 0x100000;
    const std::uint64_t size = (std::uint64_t{8} << 40) / page;
    const scene s{{{{start, start + size}, "x"}, {{start + size, start + size + 3}, "y"}},
                  {{{start + size / 2, start + size / 2 + 12}, page_state::present}}};
    BOOST_TEST(s.draw(40) == block(1) + at(start) + "........ x\n             : 4.0 TiB more of the same\n" +
                                 at(start + size / 2) + "######## x\n" + at(start + size / 2 + 8) +
                                 "####.... x\n             : 4.0 TiB more of the same\n" + at(start + size) +
                                 "...      y\n");
}

BOOST_AUTO_TEST_CASE(many_distant_mappings_do_not_make_the_rest_coarse) {
    scene s{{{{0x1000, 0x1008}, "near"}}, {}};
    const std::uint64_t far = (std::uint64_t{1} << 40) / page;
    for (std::uint64_t i = 1; i <= 40; ++i) s.mapped.push_back({{i * far, i * far + 1}, "far"});
    BOOST_TEST(s.draw(40).starts_with(block(1) + at(0x1000) + "........ near\n"));
}

BOOST_AUTO_TEST_CASE(the_top_of_the_address_space_is_not_passed) {
    const std::uint64_t last = ~std::uint64_t{0} / page;
    const scene s{{{{1, 2}, ""}, {{last - 2, last}, "z"}}, {{{last - 1, last}, page_state::present}}};
    const std::string picture = s.draw(40);
    BOOST_TEST(picture.ends_with("\n" + at(last - 2) + ".#       z\n"));
}

BOOST_AUTO_TEST_CASE(a_process_without_mappings_has_no_picture) {
    BOOST_TEST(scene{}.draw(80) == block(1));
}

BOOST_AUTO_TEST_CASE(a_terminal_that_can_shows_blocks_as_blocks) {
    const scene s{{{{0x100, 0x103}, "x"}}, {{{0x101, 0x102}, page_state::present}}};
    const std::string picture = s.draw(40, true);
    BOOST_TEST(picture.starts_with("a block is " + tool::size_text(page) + ": ░▒▓█ resident, s swapped, · mapped\n"));
    BOOST_TEST(picture.ends_with("·█·      x\n"));
}
