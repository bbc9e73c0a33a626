// SPDX-License-Identifier: BSL-1.0
#include <vmio/process_memory.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include <sys/mman.h>
#include <sys/prctl.h>

#include <boost/test/unit_test.hpp>

#include "processes/child.hpp"
#include "support/mapped.hpp"
#include "support/pages.hpp"
#include "support/skip.hpp"

using test::all_equal;
using test::is_pattern;
using vmio::address;
using vmio::memory_error;
using vmio::process;
using vmio::process_memory;

namespace {

constexpr std::byte untouched{0xee};
const std::size_t page = vmio::page_size();

int open_error(pid_t id) {
    std::error_code ec;
    const process p(id, ec);
    if (!ec) process_memory(p, ec);
    return ec.value();
}

}  // namespace

BOOST_AUTO_TEST_CASE(reads_are_right_for_every_start_and_size) {
    const test::pages some(12);
    test::on_self_and_child([&](pid_t id) {
        const process_memory memory{process(id)};
        for (const std::size_t offset : {std::size_t{0}, std::size_t{1}, page - 8, page, page + 100, 3 * page - 1})
            for (const std::size_t size : {std::size_t{1}, std::size_t{16}, page - 1, page, page + 1, 5 * page + 13}) {
                std::vector<std::byte> bytes(size + 2, untouched);
                memory.read(some.start() + offset, std::span(bytes).subspan(1, size));
                BOOST_TEST(is_pattern(some.start() + offset, std::span(bytes).subspan(1, size)));
                BOOST_TEST((bytes.front() == untouched && bytes.back() == untouched));
            }
    });
}

BOOST_AUTO_TEST_CASE(writes_reach_their_place_and_no_other) {
    const test::pages some(12);
    test::on_self_and_child([&](pid_t id) {
        const process_memory memory{process(id)};
        for (const std::size_t offset : {page, 2 * page - 8, 3 * page + 1})
            for (const std::size_t size : {std::size_t{1}, page - 1, page, 3 * page + 13}) {
                const std::vector<std::byte> before = test::peek(id, some.start(), some.size());
                const std::vector<std::byte> fresh(size, static_cast<std::byte>(offset + size));
                memory.write(some.start() + offset, fresh);
                std::vector<std::byte> expected = before;
                std::copy(fresh.begin(), fresh.end(), expected.begin() + static_cast<std::ptrdiff_t>(offset));
                BOOST_TEST((test::peek(id, some.start(), some.size()) == expected));
            }
    });
}

BOOST_AUTO_TEST_CASE(an_empty_transfer_does_nothing_wherever_it_points) {
    const process_memory memory(process::self());
    std::error_code ec{EFAULT, std::system_category()};
    BOOST_TEST(memory.read_some(0, {}, ec) == 0u);
    BOOST_TEST(!ec);
    BOOST_TEST(memory.write_some(~address{0}, {}, ec) == 0u);
    BOOST_TEST(!ec);
    memory.read(0, {});
    memory.write(0, {});
}

BOOST_AUTO_TEST_CASE(a_read_that_ends_in_a_hole_returns_what_lies_before_it) {
    std::vector<test::pages> regions;
    for (std::size_t k = 0; k <= 40; ++k) {
        regions.emplace_back(40);
        if (k < 40) regions.back().make_hole(k);
    }
    test::on_self_and_child([&](pid_t id) {
        const process_memory memory{process(id)};
        std::vector<std::byte> bytes(40 * page);
        for (std::size_t k = 0; k <= 40; ++k) {
            std::fill(bytes.begin(), bytes.end(), untouched);
            std::error_code ec;
            BOOST_TEST(memory.read_some(regions[k].start(), bytes, ec) == k * page);
            BOOST_TEST(ec.value() == (k == 0 ? EFAULT : 0));
            BOOST_TEST(is_pattern(regions[k].start(), std::span(bytes).first(k * page)));
            BOOST_TEST(all_equal(std::span(bytes).subspan(k * page), untouched));
            if (k == 40) continue;
            try {
                memory.read(regions[k].start(), bytes);
                BOOST_ERROR("a read across a hole succeeded");
            } catch (const memory_error& e) {
                BOOST_TEST(e.where() == regions[k].page(k));
                BOOST_TEST(e.code().value() == EFAULT);
                BOOST_TEST(e.process_id() == id);
                BOOST_TEST(e.operation() == std::string("process_vm_readv"));
            }
        }
    });
}

BOOST_AUTO_TEST_CASE(the_last_bytes_before_a_hole_can_be_read_and_the_first_behind_it) {
    test::pages some(3);
    some.make_hole(1);
    test::on_self_and_child([&](pid_t id) {
        const process_memory memory{process(id)};
        std::byte four[4];
        memory.read(some.page(1) - 4, four);
        BOOST_TEST(is_pattern(some.page(1) - 4, four));
        memory.read(some.page(2), four);
        BOOST_TEST(is_pattern(some.page(2), four));
        std::error_code ec;
        BOOST_TEST(memory.read_some(some.page(1) - 2, four, ec) == 2u);
        BOOST_TEST(!ec);
        BOOST_TEST(memory.read_some(some.page(2) - 2, four, ec) == 0u);
        BOOST_TEST(ec.value() == EFAULT);
    });
}

BOOST_AUTO_TEST_CASE(a_write_stops_at_the_first_page_that_the_target_may_not_write) {
    test::pages some(4);
    some.protect(2, PROT_READ);
    test::on_self_and_child([&](pid_t id) {
        const process_memory memory{process(id)};
        const std::vector<std::byte> fresh(4 * page, std::byte{0x55});
        std::error_code ec;
        BOOST_TEST(memory.write_some(some.start(), fresh, ec) == 2 * page);
        BOOST_TEST(!ec);
        BOOST_TEST(all_equal(test::peek(id, some.start(), 2 * page), std::byte{0x55}));
        BOOST_TEST(is_pattern(some.page(2), test::peek(id, some.page(2), 2 * page)));
        try {
            memory.write(some.start(), fresh);
            BOOST_ERROR("a write to a read-only page succeeded");
        } catch (const memory_error& e) {
            BOOST_TEST(e.where() == some.page(2));
            BOOST_TEST(e.operation() == std::string("process_vm_writev"));
        }
    });
}

BOOST_AUTO_TEST_CASE(the_first_page_and_the_top_of_the_address_space_are_bad_addresses) {
    test::on_self_and_child([&](pid_t id) {
        const process_memory memory{process(id)};
        std::byte bytes[64];
        std::error_code ec;
        for (const address bad : {address{0}, address{1}, ~address{0}, ~address{0} - 15, address{1} << 63,
                                  address{0xffffffffff600000}, address{0x800000000000}}) {
            BOOST_TEST(memory.read_some(bad, bytes, ec) == 0u);
            BOOST_TEST(ec.value() == EFAULT);
            BOOST_TEST(memory.write_some(bad, bytes, ec) == 0u);
            BOOST_TEST(ec.value() == EFAULT);
            BOOST_CHECK_THROW(memory.read(bad, bytes), memory_error);
        }
    });
}

BOOST_AUTO_TEST_CASE(a_hundred_mebibytes_arrive_whole) {
    const std::size_t size = std::size_t{100} << 20;
    const test::pages some(size / page);
    test::child_process child;
    const process_memory memory{process(child.id())};
    std::vector<std::byte> bytes(size);
    memory.read(some.start(), bytes);
    BOOST_TEST(std::equal(bytes.begin(), bytes.end(), some.data()));
    std::fill(bytes.begin(), bytes.end(), std::byte{0x33});
    memory.write(some.start(), bytes);
    BOOST_TEST(all_equal(test::peek(child.id(), some.start(), size), std::byte{0x33}));
}

BOOST_AUTO_TEST_CASE(a_request_above_what_the_kernel_moves_in_one_call_is_moved_all_the_same) {
    // 64 MiB of file, seen again and again: more than 0x7ffff000 bytes of addresses for little memory.
    const std::size_t unit = std::size_t{64} << 20;
    const std::size_t times = 33;
    const int fd = ::memfd_create("alias", MFD_CLOEXEC);
    BOOST_REQUIRE(fd >= 0);
    BOOST_REQUIRE(::ftruncate(fd, static_cast<off_t>(2 * unit)) == 0);
    auto alias = [&](off_t offset) {
        void* all = ::mmap(nullptr, unit * times, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        test::must(all != MAP_FAILED, "mmap");
        for (std::size_t i = 0; i < times; ++i)
            test::must(::mmap(static_cast<char*>(all) + i * unit, unit, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
                              fd, offset) != MAP_FAILED,
                       "mmap");
        return static_cast<std::byte*>(all);
    };
    std::byte* const source = alias(0);
    std::byte* const copy = alias(static_cast<off_t>(unit));
    for (std::size_t i = 0; i < unit; i += 8) std::memcpy(source + i, &i, 8);

    const process_memory memory(process::self());
    std::error_code ec;
    BOOST_TEST(memory.read_some(test::address_of(source), {copy, unit * times}, ec) == unit * times);
    BOOST_TEST(!ec);
    BOOST_TEST(std::memcmp(source, copy, unit) == 0);
    ::munmap(source, unit * times);
    ::munmap(copy, unit * times);
    ::close(fd);
}

BOOST_AUTO_TEST_CASE(a_bad_buffer_of_ours_is_a_bad_address_or_a_short_count) {
    const test::pages some(2);
    test::pages ours(2);
    ours.make_hole(1);
    const process_memory memory(process::self());
    std::error_code ec;
    BOOST_TEST(memory.read_some(some.start(), {ours.data() + page, page}, ec) == 0u);
    BOOST_TEST(ec.value() == EFAULT);
    const std::size_t moved = memory.read_some(some.start(), ours.bytes(), ec);
    BOOST_TEST(moved <= page);
    BOOST_TEST(std::memcmp(ours.data(), some.data(), moved) == 0);
}

BOOST_AUTO_TEST_CASE(values_are_moved_whole_also_across_a_page_edge) {
    struct record {
        std::uint32_t a;
        double b;
        bool operator==(const record&) const = default;
    };
    test::pages some(2);
    test::on_self_and_child([&](pid_t id) {
        const process_memory memory{process(id)};
        const address at = some.page(1) - 5;
        memory.write_value(at, record{7, 2.5});
        BOOST_TEST((memory.read_value<record>(at) == record{7, 2.5}));
        memory.write_value(at, std::uint8_t{9});
        BOOST_TEST(memory.read_value<std::uint8_t>(at) == 9);
        BOOST_CHECK_THROW(memory.read_value<int>(0), memory_error);
        BOOST_CHECK_THROW(memory.write_value(0, 1), memory_error);
    });
}

BOOST_AUTO_TEST_CASE(a_string_ends_at_its_nul_or_its_limit) {
    test::pages some(3);
    std::string long_one(page + 100, 'x');
    std::memcpy(some.data(), long_one.c_str(), long_one.size() + 1);
    std::memcpy(some.data() + 2 * page - 6, "hello", 6);  // the NUL is the last byte before the hole
    some.make_hole(2);
    test::on_self_and_child([&](pid_t id) {
        const process_memory memory{process(id)};
        BOOST_TEST(memory.read_string(some.start(), SIZE_MAX) == long_one);
        BOOST_TEST(memory.read_string(some.start(), 10) == "xxxxxxxxxx");
        BOOST_TEST(memory.read_string(some.start(), 0).empty());
        BOOST_TEST(memory.read_string(some.start() + long_one.size(), 100).empty());
        BOOST_TEST(memory.read_string(some.page(2) - 6, 1000) == "hello");
        BOOST_TEST(memory.read_string(some.page(2) - 6, 5) == "hello");
        BOOST_TEST(memory.read_string(0, 0).empty());
        BOOST_CHECK_THROW(memory.read_string(0, 1), memory_error);
    });
}

BOOST_AUTO_TEST_CASE(a_string_that_runs_into_a_hole_without_a_nul_is_an_error_at_the_hole) {
    test::pages some(2);
    std::memset(some.data(), 'y', page);
    some.make_hole(1);
    const process_memory memory(process::self());
    BOOST_TEST(memory.read_string(some.page(1) - 3, 3) == "yyy");
    try {
        memory.read_string(some.page(1) - 3, 4);
        BOOST_ERROR("no exception");
    } catch (const memory_error& e) {
        BOOST_TEST(e.where() == some.page(1));
    }
}

BOOST_AUTO_TEST_CASE(opening_distinguishes_its_errors) {
    for (const pid_t id : {-2, -1, 0}) BOOST_TEST(open_error(id) == EINVAL);
    test::child_process child;
    BOOST_TEST(open_error(child.id()) == 0);
    child.kill();
    BOOST_TEST(open_error(child.id()) == ESRCH);
    child.end();
    BOOST_TEST(open_error(child.id()) == ESRCH);
}

BOOST_AUTO_TEST_CASE(another_users_process_is_a_denied_permission_with_advice,
                     *boost::unit_test::precondition(test::as_root)) {
    test::child_process child;
    const int status = test::as_nobody([&] {
        try {
            process_memory memory{process(child.id())};
            return 1;
        } catch (const memory_error& e) {
            const std::string text = e.what();
            if (e.code() != vmio::errc::permission_denied) return 2;
            return text.find("CAP_SYS_PTRACE") != std::string::npos ? 0 : 3;
        }
    });
    BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_CASE(a_process_that_is_not_dumpable_is_a_denied_permission,
                     *boost::unit_test::precondition(test::as_root)) {
    const int status = test::as_nobody([] {
        ::prctl(PR_SET_DUMPABLE, 1);
        test::child_process open_one;
        if (open_error(open_one.id()) != 0) return 1;
        test::child_process closed_one([] { ::prctl(PR_SET_DUMPABLE, 0); });
        return open_error(closed_one.id()) == EPERM ? 0 : 2;
    });
    BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_CASE(the_death_of_the_target_is_an_error_and_moves_nothing) {
    const test::pages some(2);
    test::child_process child;
    const process_memory memory{process(child.id())};
    std::vector<std::byte> bytes(page);
    memory.read(some.start(), bytes);
    auto refused = [&] {
        std::error_code ec;
        BOOST_TEST(memory.read_some(some.start(), bytes, ec) == 0u);
        BOOST_TEST(ec.value() == ESRCH);
        BOOST_TEST(memory.write_some(some.start(), bytes, ec) == 0u);
        BOOST_TEST(ec.value() == ESRCH);
    };
    child.kill();
    refused();
    child.end();
    refused();
}

BOOST_AUTO_TEST_CASE(many_threads_may_use_one_object) {
    const test::pages some(16);
    test::child_process child;
    const process_memory memory{process(child.id())};
    auto work = [&] {
        std::vector<std::byte> bytes(16 * page);
        for (int i = 0; i < 200; ++i) {
            memory.read(some.start(), bytes);
            test::must(is_pattern(some.start(), bytes), "wrong bytes");
        }
    };
    std::thread a(work);
    std::thread b(work);
    a.join();
    b.join();
}

BOOST_AUTO_TEST_CASE(two_threads_share_a_large_transfer_and_a_hole_is_still_exact) {
    const std::size_t count = (std::size_t{40} << 20) / page;
    test::pages some(count);
    const std::size_t hole = count / 4;
    for (const unsigned threads : {2u, 3u, 100u})
        for (const std::size_t bad : {count, hole, 3 * hole, std::size_t{0}}) {
            if (bad < count) some.protect(bad, PROT_NONE);
            test::child_process child;
            const process_memory memory(process(child.id()), {.threads = threads});
            BOOST_TEST(memory.options().threads == threads);
            std::vector<std::byte> bytes(count * page);
            std::error_code ec;
            BOOST_TEST(memory.read_some(some.start(), bytes, ec) == bad * page);
            BOOST_TEST(ec.value() == (bad == 0 ? EFAULT : 0));
            if (bad < count) some.protect(bad, PROT_READ | PROT_WRITE);
            BOOST_TEST(std::memcmp(bytes.data(), some.data(), bad * page) == 0);
            if (bad < count) continue;
            std::fill(bytes.begin(), bytes.end(), std::byte{0x44});
            BOOST_TEST(memory.write_some(some.start() + 1, std::span(bytes).subspan(1), ec) == bytes.size() - 1);
            BOOST_TEST(test::all_equal(test::peek(child.id(), some.start() + 1, bytes.size() - 1), std::byte{0x44}));
        }
}

BOOST_AUTO_TEST_CASE(a_size_that_the_threads_cannot_divide_is_shared_too) {
    constexpr std::size_t mebibyte = std::size_t{1} << 20;
    test::mapped some(65 * mebibyte / page);
    for (std::size_t i = 0; i < some.size() / page; ++i) some.write(i, static_cast<char>('a' + i % 26));
    std::vector<std::byte> bytes(some.size());
    for (const unsigned threads : {15u, 16u, 100u})
        for (const std::size_t size : {64 * mebibyte - 1, 64 * mebibyte + 1, 64 * mebibyte + 15, 65 * mebibyte}) {
            const process_memory memory(process::self(), {.threads = threads});
            std::fill(bytes.begin(), bytes.end(), std::byte{0x55});
            memory.read(some.start(), std::span(bytes).first(size));
            BOOST_TEST(std::memcmp(bytes.data(), some.data(), size) == 0);
        }
}
