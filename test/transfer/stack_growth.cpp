// SPDX-License-Identifier: BSL-1.0
#include "transfer/stack_growth.hpp"

#include <iostream>
#include <limits>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include <boost/test/unit_test.hpp>

#include <vmio/query_mapping.hpp>

#include "base/file_descriptor.hpp"
#include "faults/seccomp.hpp"
#include "proc/procmap_query.hpp"
#include "processes/child.hpp"
#include "support/mapped.hpp"

using test::mapped;
using vmio::address;
using vmio::process;
using vmio::detail::mapped_part;

namespace {

const std::size_t page = vmio::page_size();

/// Whether all is right of: 10 pages that were touched, 10 that were not, 5 of another protection, a hole of one page,
/// and 14 pages.
int parts_are_right() {
    const mapped m(40);
    for (std::size_t i = 0; i < 10; ++i) m.write(i);
    for (std::size_t i = 26; i < 40; ++i) m.write(i);
    test::must(::mprotect(m.data(20), 5 * page, PROT_NONE) == 0, "mprotect");
    test::must(::munmap(m.data(25), page) == 0, "munmap");
    const process self = process::self();
    const vmio::detail::file_descriptor pagemap(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
    for (const int entries : {pagemap.get(), -1}) {
        const auto part = [&](address from, std::size_t size) { return mapped_part(self, entries, from, size); };
        if (part(m.page(0), 10 * page) != 10 * page || part(m.page(3) + 5, 7) != 7) return 1;
        if (part(m.page(0) + 1, 22 * page) != 22 * page || part(m.page(12), 3) != 3) return 2;
        if (part(m.page(0), 40 * page) != 25 * page || part(m.page(24) + 7, 2 * page) != page - 7) return 3;
        if (part(m.page(25), page) != 0 || part(m.page(26) - 1, 2) != 0 || part(m.page(0), 0) != 0) return 4;
        if (part(m.page(26), 14 * page) != 14 * page || part(m.page(39), page) != page) return 5;
        // What the kernel refuses by itself.
        if (part(~address{0} - 5, 100) != 100) return 6;
        if (part(m.page(0), std::numeric_limits<std::size_t>::max()) != 25 * page) return 7;
    }
    unsigned char there[10];
    test::must(::mincore(m.data(10), 10 * page, there) == 0, "mincore");
    for (const unsigned char c : there)
        if ((c & 1) != 0) return 8;  // it was touched
    return 0;
}

}  // namespace

BOOST_AUTO_TEST_CASE(what_is_mapped_before_a_hole_is_found_without_touching_it) {
    BOOST_TEST(test::in_a_process(parts_are_right) == 0);
    BOOST_TEST(test::in_a_process([] {
                   test::forbid_ioctl(vmio::detail::procmap::request, ENOTTY);
                   return parts_are_right();
               }) == 0);
}

BOOST_AUTO_TEST_CASE(the_growth_of_a_stack_of_our_own_is_that_of_others) {
    auto* const room =
        static_cast<std::byte*>(::mmap(nullptr, 16 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    test::must(room != MAP_FAILED && ::munmap(room + 8 * page, 8 * page) == 0, "mmap");
    std::byte* const stack = room + 15 * page;
    test::must(::mmap(stack, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1,
                      0) == stack,
               "mmap");
    const test::child_process child;
    const process target(child.id());
    const auto lowest = [&] { return query_mapping(target, vmio::address_of(stack)).value().range.start(); };
    const address before = lowest();
    std::byte byte{};
    const iovec here{&byte, 1};
    const iovec below{stack - page - 1, 1};
    ::process_vm_readv(child.id(), &here, 1, &below, 1, 0);
    const bool grew = lowest() < before;
    std::cout << "process_vm_readv grows stacks: " << (grew ? "yes" : "no") << '\n';
    BOOST_TEST(grew == vmio::detail::calls_grow_stacks());
    ::munmap(room, 16 * page);
}
