// SPDX-License-Identifier: BSL-1.0
/// The buffering itself, over a fake memory that counts how often it is asked.
#include <vmio/memory_streambuf.hpp>

#include <cerrno>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <vmio/memory_device.hpp>
#include <vmio/memory_stream.hpp>

#include "support/fake_memory.hpp"

using test::fake_memory;
using vmio::address;
using vmio::memory_error;
using device = vmio::memory_device<fake_memory>;
using buffer = vmio::memory_streambuf<device>;

namespace {

constexpr auto beg = std::ios_base::beg;
constexpr auto cur = std::ios_base::cur;
const std::size_t page = vmio::page_size();
const address base = 16 * page;

/// A memory of `size` bytes at `base` with a buffer around it, at its start.
struct fixture {
    explicit fixture(std::size_t size, std::size_t buffer_size = 65536) : memory(base, size) {
        for (std::size_t i = 0; i < size; ++i) memory->bytes[i] = static_cast<std::byte>('a' + i % 23);
        buf.attach(device(memory, base), buffer_size);
    }
    std::size_t calls() { return std::exchange(memory->calls, 0); }
    std::string content(std::size_t offset, std::size_t size) const {
        return {reinterpret_cast<const char*>(memory->bytes.data()) + offset, size};
    }

    fake_memory memory;
    buffer buf;
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_buffer_at_its_end_reports_that_nothing_is_available) {
    buffer closed;
    BOOST_TEST(closed.in_avail() == -1);
    fixture f(page);
    f.buf.detach();
    f.buf.attach(device(f.memory, vmio::address_range::of_size(base, page)), 65536);
    BOOST_TEST(f.buf.in_avail() == 0);
    std::string all(page, ' ');
    BOOST_TEST(f.buf.sgetn(all.data(), static_cast<std::streamsize>(page)) == static_cast<std::streamsize>(page));
    BOOST_TEST(f.buf.in_avail() == -1);
}

BOOST_AUTO_TEST_CASE(a_write_beyond_the_end_of_a_window_has_no_room) {
    fixture f(2 * page);
    f.buf.detach();
    f.buf.attach(device(f.memory, vmio::address_range::of_size(base, page)), 65536);
    const std::string all(page + 1, 'x');
    BOOST_TEST(f.buf.sputn(all.data(), static_cast<std::streamsize>(all.size())) ==
               static_cast<std::streamsize>(page + 1));
    BOOST_TEST(f.buf.pubsync() == -1);
    BOOST_TEST(f.buf.last_error().value() == ENOSPC);
    BOOST_TEST(f.content(page - 1, 2) == std::string("x") + static_cast<char>('a' + page % 23));
}

BOOST_AUTO_TEST_CASE(a_buffer_reads_after_a_seek_to_the_end_of_the_page_and_then_more_each_time) {
    fixture f(64 * page);
    f.buf.pubseekpos(static_cast<std::streamoff>(base + 100));
    BOOST_TEST(f.buf.sgetc() == f.content(100, 1)[0]);
    BOOST_TEST(f.buf.in_avail() == static_cast<std::streamsize>(page - 100));
    BOOST_TEST(f.calls() == 1u);
    std::vector<std::size_t> fills;
    for (int i = 0; i < 6; ++i) {
        std::vector<char> skipped(static_cast<std::size_t>(f.buf.in_avail()));
        f.buf.sgetn(skipped.data(), static_cast<std::streamsize>(skipped.size()));
        BOOST_REQUIRE(f.buf.sgetc() != EOF);
        fills.push_back(static_cast<std::size_t>(f.buf.in_avail()) / page);
    }
    BOOST_TEST(fills == (std::vector<std::size_t>{1, 2, 4, 8, 16, 16}));
    BOOST_TEST(f.calls() == 6u);
}

BOOST_AUTO_TEST_CASE(a_large_read_goes_straight_to_the_caller_and_can_be_put_back) {
    fixture f(64 * page);
    std::string got(40 * page, 0);
    BOOST_TEST(f.buf.sgetn(got.data(), static_cast<std::streamsize>(got.size())) ==
               static_cast<std::streamsize>(got.size()));
    BOOST_TEST(f.calls() == 1u);
    BOOST_TEST((got == f.content(0, got.size())));
    for (std::size_t i = 1; i <= 16; ++i) BOOST_TEST(f.buf.sungetc() == got[got.size() - i]);
    BOOST_TEST(f.buf.sgetc() == got[got.size() - 16]);
    BOOST_TEST(f.calls() == 0u);
}

BOOST_AUTO_TEST_CASE(the_last_bytes_read_can_be_put_back_across_a_refill) {
    fixture f(4 * page, 16);
    for (int i = 0; i < 17; ++i) f.buf.sbumpc();
    BOOST_TEST(f.buf.sungetc() != EOF);
    BOOST_TEST(f.buf.sungetc() == f.content(15, 1)[0]);
    BOOST_TEST(f.buf.sputbackc('!') == '!');
    BOOST_TEST(f.buf.sbumpc() == '!');
    BOOST_TEST(f.content(14, 1)[0] != '!');  // put back here, not there
    f.buf.pubseekoff(1, cur);
    BOOST_TEST(f.buf.sungetc() == EOF);
}

BOOST_AUTO_TEST_CASE(a_seek_and_a_sync_drop_what_was_read_and_asking_for_the_position_does_not) {
    fixture f(page);
    auto next_is_fresh_after = [&](auto&& act) {
        f.buf.pubseekpos(static_cast<std::streamoff>(base));
        f.memory->bytes[1] = std::byte{'0'};
        f.buf.sbumpc();
        f.memory->bytes[1] = std::byte{'1'};
        act();
        return f.buf.sgetc() == '1';
    };
    const auto here = static_cast<std::streamoff>(base + 1);
    BOOST_TEST(!next_is_fresh_after([] {}));
    BOOST_TEST(!next_is_fresh_after([&] { BOOST_TEST(f.buf.pubseekoff(0, cur, std::ios::in) == here); }));
    BOOST_TEST(!next_is_fresh_after([&] { BOOST_TEST(f.buf.pubseekoff(0, cur, std::ios::out) == here); }));
    BOOST_TEST(next_is_fresh_after([&] { f.buf.pubsync(); }));
    BOOST_TEST(next_is_fresh_after([&] { f.buf.pubseekpos(here); }));
    BOOST_TEST(next_is_fresh_after([&] { f.buf.pubseekoff(here, beg); }));
    BOOST_TEST(next_is_fresh_after([&] {
        f.buf.pubseekoff(1, cur);
        f.buf.pubseekoff(-1, cur);
    }));
}

BOOST_AUTO_TEST_CASE(asking_for_the_position_after_each_line_makes_no_call) {
    constexpr int lines = 3000;
    const std::string text = "a line of some length, as in a table of a target\n";
    std::size_t calls[2] = {};
    for (const bool asking : {false, true}) {
        fake_memory memory(base, lines * text.size());
        for (std::size_t i = 0; i < memory->bytes.size(); ++i)
            memory->bytes[i] = static_cast<std::byte>(text[i % text.size()]);
        vmio::memory_stream<fake_memory> s(memory, vmio::address_range::of_size(base, memory->bytes.size()));
        std::string line;
        for (int i = 1; i <= lines && std::getline(s, line); ++i) {
            if (!asking) continue;
            const auto here = static_cast<std::streamoff>(static_cast<std::size_t>(i) * text.size());
            if (s.tellg() != here || s.tellp() != here) BOOST_ERROR("a wrong position");
        }
        BOOST_TEST(s.good());
        calls[asking] = memory->calls;
    }
    BOOST_TEST(calls[0] < 20u);
    BOOST_TEST(calls[1] == calls[0]);
}

BOOST_AUTO_TEST_CASE(asking_for_the_position_writes_what_is_pending_and_lets_writing_go_on) {
    fixture f(page);
    f.buf.sputn("abc", 3);
    BOOST_TEST(f.calls() == 0u);
    BOOST_TEST(f.buf.pubseekoff(0, cur, std::ios::out) == static_cast<std::streamoff>(base + 3));
    BOOST_TEST(f.calls() == 1u);
    BOOST_TEST(f.content(0, 3) == "abc");
    BOOST_TEST(f.buf.pubseekoff(0, cur, std::ios::out) == static_cast<std::streamoff>(base + 3));
    f.buf.sputn("def", 3);
    BOOST_TEST(f.calls() == 0u);
    BOOST_TEST(f.buf.sgetc() == f.content(6, 1)[0]);
    BOOST_TEST(f.content(0, 6) == "abcdef");
}

BOOST_AUTO_TEST_CASE(a_position_that_no_offset_can_name_is_an_error_and_stays_readable) {
    const address top = ~address{0};
    buffer b;
    b.attach(device(fake_memory(top - 15, 16), top - 7), 65536);
    char bytes[8];
    BOOST_TEST(b.sgetn(bytes, 4) == 4);
    BOOST_TEST(b.pubseekoff(0, cur) == std::streampos(-1));
    BOOST_TEST(b.last_error().value() == EOVERFLOW);
    BOOST_TEST(b.sgetn(bytes, 8) == 4);
}

BOOST_AUTO_TEST_CASE(writes_wait_until_the_buffer_is_full) {
    fixture f(page, 8);
    f.buf.sputn("1234", 4);
    f.buf.sputn("5678", 4);
    BOOST_TEST(f.calls() == 0u);
    f.buf.sputc('9');
    BOOST_TEST(f.calls() == 1u);
    BOOST_TEST(f.content(0, 9) == "12345678" + f.content(8, 1));
    BOOST_TEST(f.buf.pubsync() == 0);
    BOOST_TEST(f.content(0, 9) == "123456789");
    f.buf.sputn("abcdefghij", 10);  // larger than the buffer: at once
    BOOST_TEST(f.content(9, 10) == "abcdefghij");
    BOOST_TEST(f.calls() == 2u);
}

BOOST_AUTO_TEST_CASE(reading_and_writing_alternate_at_one_position) {
    for (const std::size_t size : {0, 1, 2, 23, 4096, 65536}) {
        fixture f(page, size);
        std::string expected = f.content(0, 12);
        expected.replace(3, 3, "XYZ").replace(7, 1, "W");
        char three[3];
        f.buf.sgetn(three, 3);
        f.buf.sputn("XYZ", 3);
        BOOST_TEST(f.buf.sbumpc() == expected[6]);
        f.buf.sputc('W');
        BOOST_TEST(f.buf.pubseekoff(0, cur) == static_cast<std::streamoff>(base + 8));
        BOOST_TEST(f.buf.sgetc() == expected[8]);
        BOOST_TEST(f.content(0, 12) == expected);
    }
}

BOOST_AUTO_TEST_CASE(a_failed_flush_is_reported_and_its_bytes_never_land) {
    fixture f(page);
    const std::string before = f.content(0, page);
    auto fill = [&] {
        f.buf.pubseekpos(static_cast<std::streamoff>(base + page - 2));
        BOOST_TEST(f.buf.sputn("abcdef", 6) == 6);
    };
    fill();
    BOOST_TEST(f.buf.pubsync() == -1);
    BOOST_TEST(f.buf.last_error().value() == EFAULT);
    BOOST_TEST(f.content(page - 2, 2) == "ab");
    BOOST_TEST(f.buf.pubsync() == 0);                                           // gone with the report
    BOOST_TEST(f.buf.pubseekoff(0, cur, std::ios::out) == std::streampos(-1));  // told again: -1 is easily missed
    BOOST_CHECK_THROW(f.buf.pubseekoff(0, cur, std::ios::in), memory_error);
    fill();
    BOOST_TEST(f.buf.pubseekpos(static_cast<std::streamoff>(base), std::ios::out) == std::streampos(-1));
    fill();
    BOOST_CHECK_THROW(f.buf.pubseekpos(static_cast<std::streamoff>(base), std::ios::in), memory_error);
    fill();
    BOOST_CHECK_THROW(f.buf.sgetc(), memory_error);
    BOOST_TEST(f.buf.pubseekoff(0, cur) == static_cast<std::streamoff>(base + page));
    BOOST_TEST(f.buf.pubseekpos(static_cast<std::streamoff>(base)) == static_cast<std::streamoff>(base));
    f.buf.sputc('!');
    fill();
    try {
        f.buf.detach();
        BOOST_ERROR("no exception");
    } catch (const memory_error& e) {
        BOOST_TEST(e.where() == base + page);
    }
    BOOST_TEST(!f.buf.is_attached());
    BOOST_TEST(f.content(0, page) == "!" + before.substr(1, page - 3) + "ab");
}

BOOST_AUTO_TEST_CASE(a_closed_buffer_reads_and_writes_nothing) {
    buffer b;
    char c = 0;
    BOOST_TEST(b.sgetn(&c, 1) == 0);
    BOOST_TEST(b.sgetc() == EOF);
    BOOST_TEST(b.sputc('x') == EOF);
    BOOST_TEST(b.sputn("x", 1) == 0);
    BOOST_TEST(b.pubsync() == 0);
    BOOST_TEST(b.pubseekoff(0, beg) == std::streampos(-1));
    BOOST_TEST(b.sungetc() == EOF);
    BOOST_TEST(b.in_avail() == -1);
    b.detach();
}

BOOST_AUTO_TEST_CASE(the_destructor_writes_what_is_pending) {
    fake_memory memory(base, page);
    {
        buffer b;
        b.attach(device(memory, base), 100);
        b.sputn("kept", 4);
    }
    BOOST_TEST(std::memcmp(memory->bytes.data(), "kept", 4) == 0);
}

BOOST_AUTO_TEST_CASE(a_transfer_continues_after_a_short_count_of_the_memory) {
    fixture f(8 * page, 100);
    f.memory->most_at_once = 7;
    std::string got(3 * page, 0);
    BOOST_TEST(f.buf.sgetn(got.data(), static_cast<std::streamsize>(got.size())) ==
               static_cast<std::streamsize>(got.size()));
    BOOST_TEST((got == f.content(0, got.size())));
    std::string more(50, 0);
    BOOST_TEST(f.buf.sgetn(more.data(), 50) == 50);
    BOOST_TEST(more == f.content(3 * page, 50));
    f.buf.sputn(std::string(150, 'w').data(), 150);
    BOOST_TEST(f.buf.pubsync() == 0);
    BOOST_TEST(f.content(3 * page + 50, 151) == std::string(150, 'w') + f.content(3 * page + 200, 1));
}

BOOST_AUTO_TEST_CASE(small_direct_reads_asking_for_the_position_and_syncing_leave_something_to_put_back) {
    for (const std::size_t size : {0, 1, 23}) {
        fixture f(page, size);
        char c = 0;
        for (int i = 0; i < 20; ++i) f.buf.sgetn(&c, 1);
        for (int i = 19; i >= 4; --i) BOOST_TEST(f.buf.sungetc() == f.content(static_cast<std::size_t>(i), 1)[0]);
        BOOST_TEST(f.buf.pubseekoff(0, cur) == static_cast<std::streamoff>(base + 4));
    }
    fixture f(page);
    f.buf.sbumpc();
    f.buf.sbumpc();
    f.buf.pubseekoff(0, cur);
    BOOST_TEST(f.buf.sungetc() == f.content(1, 1)[0]);
    BOOST_TEST(f.buf.pubseekoff(0, cur) == static_cast<std::streamoff>(base + 1));
    f.memory->bytes[1] = std::byte{'!'};
    f.buf.pubsync();
    BOOST_TEST(f.buf.sgetc() == '!');
}

BOOST_AUTO_TEST_CASE(a_value_counts_its_bytes_as_read_does) {
    for (const std::size_t size : {0, 1, 23, 65536}) {
        vmio::memory_istream<fake_memory> s(fake_memory(base, 15), base, size);
        BOOST_TEST(s.gcount() == 0);
        for (int i = 0; i < 2; ++i) {  // read for it, and out of the buffer
            s.read_value<std::uint32_t>();
            BOOST_TEST(s.gcount() == 4);
            s.get();
            BOOST_TEST(s.gcount() == 1);
        }
        s.read_value<std::uint16_t>();
        BOOST_TEST(s.gcount() == 2);
        BOOST_TEST(s.read_value<std::uint64_t>() == 0u);
        BOOST_TEST(s.gcount() == 3);
        BOOST_TEST((s.eof() && s.fail()));
        s.read_value<char>();
        BOOST_TEST(s.gcount() == 0);
    }
}
