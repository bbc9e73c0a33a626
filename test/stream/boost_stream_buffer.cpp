// SPDX-License-Identifier: BSL-1.0
/// The device inside Boost.Iostreams: its streams, filters, adapters and free functions.
// Before any header that includes slice.hpp: the two share an include guard.
#include <boost/iostreams/restrict.hpp>

#include <vmio/process_vm_device.hpp>

#include <cctype>
#include <sstream>
#include <string>
#include <vector>

#include <sys/mman.h>

#include <boost/iostreams/combine.hpp>
#include <boost/iostreams/compose.hpp>
#include <boost/iostreams/copy.hpp>
#include <boost/iostreams/detail/adapter/non_blocking_adapter.hpp>
#include <boost/iostreams/device/array.hpp>
#include <boost/iostreams/device/back_inserter.hpp>
#include <boost/iostreams/device/null.hpp>
#include <boost/iostreams/filter/counter.hpp>
#include <boost/iostreams/filter/gzip.hpp>
#include <boost/iostreams/filter/line.hpp>
#include <boost/iostreams/filter/newline.hpp>
#include <boost/iostreams/filter/zlib.hpp>
#include <boost/iostreams/filtering_stream.hpp>
#include <boost/iostreams/invert.hpp>
#include <boost/iostreams/operations.hpp>
#include <boost/iostreams/stream.hpp>
#include <boost/iostreams/tee.hpp>
#include <boost/test/unit_test.hpp>

#include "processes/child.hpp"
#include "support/fake_memory.hpp"
#include "support/pages.hpp"

namespace io = boost::iostreams;
using vmio::address;
using vmio::address_range;
using vmio::memory_error;
using vmio::process_vm_device;
using vmio::process_vm_sink;
using vmio::process_vm_source;

namespace {

const std::size_t page = vmio::page_size();

/// A child whose first bytes are `text`.
struct target {
    explicit target(const std::string& text, std::size_t count = 4) : memory(count) {
        std::memcpy(memory.data(), text.data(), text.size());
        child.emplace();
    }
    address_range first(std::size_t n) const { return address_range::of_size(memory.start(), n); }
    std::string text(std::size_t offset, std::size_t n) const {
        const auto bytes = test::peek(child->id(), memory.start() + offset, n);
        return {reinterpret_cast<const char*>(bytes.data()), n};
    }
    pid_t id() const { return child->id(); }

    test::pages memory;
    std::optional<test::child_process> child;
};

class upper_filter : public io::output_filter {
public:
    template <class Sink>
    bool put(Sink& sink, int c) {
        return io::put(sink, static_cast<char>(std::toupper(c)));
    }
};

class upper_input : public io::input_filter {
public:
    template <class Source>
    int get(Source& source) {
        const int c = io::get(source);
        return c == EOF ? c : std::toupper(c);
    }
};

}  // namespace

using io::detail::linked_streambuf;
static_assert(std::is_base_of_v<vmio::memory_streambuf<process_vm_device, linked_streambuf<char>>,
                                io::stream_buffer<process_vm_device>>,
              "boost::iostreams::stream<process_vm_device> should have our buffer");
static_assert(std::is_base_of_v<vmio::memory_streambuf<process_vm_source, linked_streambuf<char>>,
                                io::stream_buffer<process_vm_source>>);
static_assert(std::is_convertible_v<io::category_of<process_vm_device>::type, io::seekable_device_tag> &&
              std::is_convertible_v<io::category_of<process_vm_source>::type, io::input_seekable> &&
              !std::is_convertible_v<io::category_of<process_vm_source>::type, io::output> &&
              std::is_convertible_v<io::category_of<process_vm_sink>::type, io::output_seekable> &&
              !std::is_convertible_v<io::category_of<process_vm_sink>::type, io::input>);
static_assert(!vmio::buffered_memory_device<io::array_source> && !vmio::buffered_memory_device<io::null_sink>);

BOOST_AUTO_TEST_CASE(a_boost_stream_gives_the_bytes_before_a_hole) {
    test::pages some(2);
    some.make_hole(1);
    io::stream<process_vm_device> s(::getpid(), some.page(1) - 16);
    char bytes[64];
    s.read(bytes, 64);
    BOOST_TEST(s.gcount() == 16);
    BOOST_TEST(test::is_pattern(some.page(1) - 16, std::as_bytes(std::span(bytes, 16))));
    BOOST_TEST(s.eof());
    BOOST_TEST(!s.bad());
}

BOOST_AUTO_TEST_CASE(a_boost_stream_keeps_what_it_has_read_when_asked_for_its_position) {
    const test::fake_memory memory(0x1000, 100);
    io::stream<vmio::memory_device<test::fake_memory>> s(memory, address(0x1000));
    for (int i = 0; i < 50; ++i) {
        BOOST_TEST(s.get() == 0);
        BOOST_TEST(s.tellg() == 0x1001 + i);
    }
    BOOST_TEST(memory->calls == 1u);
    s.seekg(s.tellg());
    s.get();
    BOOST_TEST(memory->calls == 2u);
}

BOOST_AUTO_TEST_CASE(a_closed_boost_stream_fails_and_does_not_abort) {
    io::stream<process_vm_device> s;
    BOOST_TEST(s.get() == EOF);
    BOOST_TEST(s.fail());
    BOOST_TEST(!s.is_open());
}

/// A device that others might derive.
struct named_device : process_vm_device {
    named_device(pid_t id, const address_range& window) : process_vm_device(id, window) {}
};

BOOST_AUTO_TEST_CASE(a_device_that_cannot_be_made_without_arguments_has_a_boost_stream) {
    const target t("hello there");
    io::stream<named_device> s(named_device(t.id(), t.first(11)));
    std::string word;
    s >> word;
    BOOST_TEST(word == "hello");
}

BOOST_AUTO_TEST_CASE(a_boost_stream_reads_writes_and_seeks) {
    const target t("hello there");
    io::stream<process_vm_device> s(t.id(), t.memory.range());
    std::string word;
    s >> word;
    BOOST_TEST(word == "hello");
    BOOST_TEST(s.tellg() == 5);
    s.seekp(0);
    s << "HELLO" << std::flush;
    BOOST_TEST(t.text(0, 11) == "HELLO there");
    s.seekg(-1, std::ios::end);
    BOOST_TEST(s.get() != EOF);
    BOOST_TEST(s.get() == EOF);
    s.clear();
    s.seekg(6);
    s >> std::ws;
    BOOST_TEST(s.get() == 't');
    BOOST_TEST((*s).is_open());
    s.close();
    BOOST_TEST(!s.is_open());
}

BOOST_AUTO_TEST_CASE(a_boost_stream_writes_what_is_pending_when_it_is_closed_or_destroyed) {
    const target t("....");
    {
        io::stream<process_vm_sink> s(t.id(), t.memory.range());
        s << "a";
    }
    io::stream<process_vm_sink> s(t.id(), t.memory.start() + 1);
    s << "b";
    s.close();
    {
        io::stream<process_vm_sink> kept(t.id(), t.memory.start() + 2);
        kept.set_auto_close(false);
        kept << "c";
    }
    BOOST_TEST(t.text(0, 4) == "abc.");
}

BOOST_AUTO_TEST_CASE(a_boost_stream_reports_a_failed_write_and_drops_it) {
    test::pages some(3);
    some.protect(1, PROT_READ);
    io::stream<process_vm_device> s(::getpid(), some.page(1) - 1);
    s.write("ab", 2);
    BOOST_TEST(!s.strict_sync());
    s.write("c", 1);
    s.seekp(static_cast<std::streamoff>(some.page(2)));
    BOOST_TEST(s.fail());
    s.clear();
    s.seekp(static_cast<std::streamoff>(some.page(2)));
    s.write("d", 1);
    s.write("e", 1);
    s.close();
    BOOST_TEST(some.chars()[page - 1] == 'a');
    BOOST_TEST(test::is_pattern(some.page(1), {some.data() + page, page}));
    BOOST_TEST(std::string(some.chars() + 2 * page, 2) == "de");

    io::stream<process_vm_device> closing(::getpid(), some.page(1));
    closing.write("x", 1);
    BOOST_CHECK_THROW(closing.close(), memory_error);
    BOOST_TEST(!closing.is_open());
}

BOOST_AUTO_TEST_CASE(exceptions_pass_through_a_boost_stream_with_their_errno) {
    io::stream<process_vm_source> s(::getpid(), 0);
    s.exceptions(std::ios::badbit);
    try {
        s.get();
        BOOST_ERROR("no exception");
    } catch (const std::system_error& e) {
        BOOST_TEST(e.code().value() == EFAULT);
    }
}

BOOST_AUTO_TEST_CASE(boost_copies_from_and_to_a_device_and_closes_it) {
    const target t(std::string(3 * page, 'q'));
    std::string out;
    process_vm_source source(t.id(), t.first(3 * page));
    BOOST_TEST(io::copy(source, io::back_inserter(out)) == static_cast<std::streamsize>(3 * page));
    BOOST_TEST((out == std::string(3 * page, 'q')));
    BOOST_TEST(io::copy(process_vm_source(t.id(), t.first(100)), io::null_sink()) == 100);
    BOOST_TEST(io::copy(io::array_source("new content", 11), process_vm_sink(t.id(), t.memory.start())) == 11);
    BOOST_TEST(t.text(0, 12) == "new contentq");
}

BOOST_AUTO_TEST_CASE(a_restriction_is_a_part_and_two_of_them_do_not_disturb_each_other) {
    const target t("0123456789abcdef");
    const process_vm_device device(t.id(), t.memory.range());
    auto first = io::restrict(device, 2, 4);
    auto second = io::restrict(device, 8, 4);
    char a[8] = {};
    char b[8] = {};
    BOOST_TEST(io::read(first, a, 2) == 2);
    BOOST_TEST(io::read(second, b, 4) == 4);
    BOOST_TEST(io::read(first, a + 2, 6) == 2);
    BOOST_TEST(std::string(a) == "2345");
    BOOST_TEST(std::string(b) == "89ab");
    BOOST_TEST(io::read(first, a, 1) == -1);
    io::stream<io::restriction<process_vm_device>> s(io::restrict(device, 10, 6));
    std::string all;
    s >> all;
    BOOST_TEST(all.substr(0, 6) == "abcdef");
}

BOOST_AUTO_TEST_CASE(filters_transform_what_a_source_reads) {
    const target t("one\ntwo\r\nthree\n");
    io::filtering_istream in;
    in.push(io::counter());
    in.push(upper_input());
    in.push(io::newline_filter(io::newline::posix));
    in.push(process_vm_source(t.id(), t.first(15)));
    const std::string all{std::istreambuf_iterator<char>(in), {}};
    BOOST_TEST(all == "ONE\nTWO\nTHREE\n");
    BOOST_TEST(in.component<io::counter>(0)->lines() == 3);
    BOOST_TEST(in.component<process_vm_source>(3)->is_open());
}

BOOST_AUTO_TEST_CASE(filters_transform_what_a_sink_writes) {
    const target t(std::string(32, '.'));
    {
        io::filtering_ostream out;
        out.push(upper_filter());
        out.push(process_vm_sink(t.id(), t.memory.range()));
        out << "shout";
        out.flush();
        out << "!";
    }
    BOOST_TEST(t.text(0, 8) == "SHOUT!..");
}

BOOST_AUTO_TEST_CASE(a_seekable_chain_ends_in_the_device) {
    const target t("0123456789");
    io::filtering_stream<io::seekable> s;
    s.push(process_vm_device(t.id(), t.memory.range()));
    s.seekg(4);
    BOOST_TEST(s.get() == '4');
    s.seekp(6);
    s << "x";
    s.flush();
    BOOST_TEST(t.text(0, 10) == "012345x789");
    s.seekg(0, std::ios::end);
    BOOST_TEST(s.tellg() == static_cast<std::streamoff>(t.memory.size()));
}

template <class Compressor, class Decompressor>
void round_trip() {
    std::string text;
    for (int i = 0; i < 5000; ++i) text += "line " + std::to_string(i) + "\n";
    const target t(std::string(1, '.'), 64);
    std::ostringstream packed;
    {
        io::filtering_ostream out;
        out.push(Compressor());
        out.push(packed);
        out << text;
    }
    const std::string bytes = packed.str();
    {
        io::filtering_ostream out;
        out.push(Compressor());
        out.push(process_vm_sink(t.id(), t.memory.range()));
        out << text;
    }
    BOOST_TEST((t.text(0, bytes.size()) == bytes));
    io::filtering_istream in;
    in.push(Decompressor());
    in.push(process_vm_source(t.id(), t.first(bytes.size())));
    const std::string back{std::istreambuf_iterator<char>(in), {}};
    BOOST_TEST((back == text));
}

BOOST_AUTO_TEST_CASE(gzip_and_zlib_filters_compress_into_and_out_of_a_target) {
    round_trip<io::gzip_compressor, io::gzip_decompressor>();
    round_trip<io::zlib_compressor, io::zlib_decompressor>();
}

BOOST_AUTO_TEST_CASE(a_tee_copies_what_passes_through_it) {
    const target t(std::string(32, '.'));
    std::ostringstream seen;
    {
        io::filtering_istream in;
        in.push(io::tee(seen));
        in.push(process_vm_source(t.id(), t.first(10)));
        std::string ten(10, 0);
        in.read(ten.data(), 10);
    }
    BOOST_TEST(seen.str() == "..........");
    io::stream<io::tee_device<process_vm_sink, std::ostringstream>> both(
        io::tee(process_vm_sink(t.id(), t.memory.range()), seen));
    both << "twice" << std::flush;
    BOOST_TEST(t.text(0, 6) == "twice.");
    BOOST_TEST(seen.str() == "..........twice");
}

BOOST_AUTO_TEST_CASE(a_device_works_in_combinations_inversions_and_non_blocking_adapters) {
    const target t("from here" + std::string(32, '.'));
    auto both =
        io::combine(process_vm_source(t.id(), t.memory.range()), process_vm_sink(t.id(), t.memory.start() + 16));
    char four[4];
    BOOST_TEST(io::read(both, four, 4) == 4);
    BOOST_TEST(io::write(both, four, 4) == 4);
    BOOST_TEST(t.text(16, 5) == "from.");

    io::filtering_istream in;
    in.push(io::invert(upper_filter()));
    in.push(process_vm_source(t.id(), t.first(9)));
    std::string line;
    std::getline(in, line);
    BOOST_TEST(line == "FROM HERE");

    process_vm_device device(t.id(), t.memory.range());
    io::non_blocking_adapter<process_vm_device> adapter(device);
    char nine[9];
    BOOST_TEST(io::read(adapter, nine, 9) == 9);
    BOOST_TEST(std::string(nine, 9) == "from here");
}

BOOST_AUTO_TEST_CASE(the_free_functions_work_on_the_device) {
    const target t("abcdef");
    process_vm_device d(t.id(), t.memory.range());
    char c[2];
    BOOST_TEST(io::get(d) == 'a');
    BOOST_TEST(io::read(d, c, 2) == 2);
    BOOST_TEST(io::put(d, 'D'));
    BOOST_TEST(io::write(d, "EF", 2) == 2);
    BOOST_TEST(t.text(0, 6) == "abcDEF");
    BOOST_TEST(io::seek(d, 1, std::ios::beg) == 1);
    io::skip(d, 2);
    BOOST_TEST(io::seek(d, 0, std::ios::cur) == 3);
    BOOST_TEST(io::flush(d));
    io::imbue(d, std::locale::classic());
    BOOST_TEST(io::optimal_buffer_size(d) == 65536);
    io::close(d);
    BOOST_TEST(!d.is_open());
}

BOOST_AUTO_TEST_CASE(a_stream_buffer_can_be_inserted_into_another_stream) {
    const target t("poured out");
    io::stream<process_vm_source> in(t.id(), t.first(10));
    std::ostringstream out;
    out << in.rdbuf();
    BOOST_TEST(out.str() == "poured out");
}

BOOST_AUTO_TEST_CASE(a_chain_whose_sink_fails_throws_when_it_ends) {
    test::pages some(1);
    some.protect(0, PROT_READ);
    const process_vm_sink sink(::getpid(), some.start());
    {
        io::filtering_ostream out;
        out.push(sink);
        out << "abc";
        BOOST_CHECK_THROW(out.reset(), memory_error);
    }
    {
        io::filtering_ostream out;
        out.push(io::gzip_compressor());
        out.push(sink);
        out << "abc";
        BOOST_CHECK_THROW(out.reset(), memory_error);
    }
    {
        io::filtering_ostream out;
        out.push(io::counter());
        out.push(sink);
        out << "abc";
        BOOST_CHECK_THROW(io::close(out), memory_error);
    }
    {
        io::filtering_ostream out;
        out.push(io::counter());
        out.push(sink);
        std::istringstream in("hello");
        BOOST_CHECK_THROW(io::copy(in, out), memory_error);
    }
    {
        io::stream_buffer<process_vm_sink> buffer(sink);
        std::ostream out(&buffer);
        out << "x";
        buffer.pubsync();
        BOOST_CHECK_THROW(buffer.close(), memory_error);
    }
    {
        io::stream<process_vm_sink> out(sink);
        out << "x";
        out.tellp();
        BOOST_CHECK_THROW(out.close(), memory_error);
    }
    BOOST_TEST(test::is_pattern(some.start(), some.bytes()));
}
