// SPDX-License-Identifier: BSL-1.0
#include "walk/zero_run_skipper.hpp"

#include <sys/mman.h>

#include <boost/test/unit_test.hpp>

#include "processes/child.hpp"
#include "support/mapped.hpp"
#include "support/pages.hpp"
#include "support/regions.hpp"

using test::child_process;
using test::mapped;
using test::must;
using vmio::address_range;

namespace {

const std::size_t page = vmio::page_size();

struct walk {
    walk(const mapped& memory, std::uint64_t reach, std::size_t chunk = page)
        : zeros(target, reach), reader(target, test::in(memory.range(), chunk)) {}

    /// Which of the chunks need not be fetched, after it has seen them up to `seen`.
    std::string covered(std::size_t seen) {
        std::string picture;
        for (std::size_t i = 0; reader.next(); ++i) {
            picture += zeros.covers(reader.range()) ? '.' : 'x';
            if (picture.back() == '.' || i > seen) continue;
            reader.fetch();
            zeros.look_beyond(reader);
        }
        return picture;
    }

    child_process child;
    vmio::process target{child.id()};
    vmio::detail::zero_run_skipper zeros;
    vmio::region_reader reader;
};

}  // namespace

BOOST_AUTO_TEST_CASE(the_middle_of_a_run_is_covered) {
    const mapped memory(20);
    memory.write(4);
    memory.write(12);
    BOOST_TEST(walk(memory, 0).covered(20) == "x...xx......xx......");
    BOOST_TEST(walk(memory, 1).covered(20) == "x..xxx.....xxx.....x");
    BOOST_TEST(walk(memory, page).covered(20) == "x..xxx.....xxx.....x");
    BOOST_TEST(walk(memory, page + 1).covered(20) == "xxxxxxx...xxxxx...xx");
    BOOST_TEST(walk(memory, 20 * page).covered(20) == std::string(20, 'x'));
    BOOST_TEST(walk(memory, 1).covered(0) == "x..xxxxxxxxxxxxxxxxx");
}

BOOST_AUTO_TEST_CASE(a_run_ends_where_its_mapping_does_and_at_a_guard_page) {
    const mapped memory(20);
    must(::mprotect(memory.data(10), 10 * page, PROT_READ) == 0, "mprotect");
    must(test::install_guards(memory.data(14), page), "madvise");
    BOOST_TEST(walk(memory, 0).covered(20) == "x.........x...xx....");
}

BOOST_AUTO_TEST_CASE(what_others_may_have_written_is_not_covered) {
    // Holes of a file look untouched too, but where they end no page table of the target tells.
    constexpr std::size_t mebibyte = std::size_t{1} << 20;
    const test::unnamed_file file(1);
    must(::ftruncate(file.get(), 4 * mebibyte) == 0, "ftruncate");
    const mapped of_file(4 * mebibyte / page, MAP_PRIVATE, file.get());
    const mapped shared(4 * mebibyte / page, MAP_SHARED | MAP_ANONYMOUS);
    for (const mapped* memory : {&of_file, &shared}) BOOST_TEST(walk(*memory, 0, mebibyte).covered(4) == "xxxx");
    const mapped own(4 * mebibyte / page);
    BOOST_TEST(walk(own, 0, mebibyte).covered(4) == "x...");
}
