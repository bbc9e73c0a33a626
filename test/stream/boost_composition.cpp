// SPDX-License-Identifier: BSL-1.0
/// Composed filters over a device.
#include <vmio/detail/boost_composition.hpp>

#include <cctype>
#include <cstring>
#include <locale>
#include <string>

#include <unistd.h>

#include <boost/iostreams/compose.hpp>
#include <boost/iostreams/concepts.hpp>
#include <boost/iostreams/filter/counter.hpp>
#include <boost/iostreams/filtering_stream.hpp>
#include <boost/iostreams/operations.hpp>
#include <boost/iostreams/stream.hpp>
#include <boost/test/unit_test.hpp>

#include <vmio/process_vm_device.hpp>

#include "processes/child.hpp"
#include "support/pages.hpp"

namespace io = boost::iostreams;
using vmio::address_range;
using vmio::process_vm_device;
using vmio::process_vm_sink;
using vmio::process_vm_source;

namespace {

struct upper_input : io::input_filter {
    template <class Source>
    int get(Source& source) {
        const int c = io::get(source);
        return c < 0 ? c : std::toupper(c);
    }
};

struct upper_output : io::output_filter {
    template <class Sink>
    bool put(Sink& sink, char c) {
        return io::put(sink, static_cast<char>(std::toupper(c)));
    }
};

struct seeking : io::multichar_filter<io::seekable> {
    template <class Source>
    std::streamsize read(Source& source, char* s, std::streamsize n) {
        return io::read(source, s, n);
    }
    template <class Sink>
    std::streamsize write(Sink& sink, const char* s, std::streamsize n) {
        return io::write(sink, s, n);
    }
    template <class Device>
    std::streampos seek(Device& device, io::stream_offset to, std::ios_base::seekdir way) {
        return io::seek(device, to, way);
    }
};

const std::string letters = "abcdefghijklmnopqrstuvwxyz";
const std::string capitals = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// A child whose first bytes are `letters`.
struct target {
    target() { std::memcpy(memory.data(), letters.data(), letters.size()); }
    address_range window() const { return address_range::of_size(memory.start(), letters.size()); }

    test::pages memory{1};
};

std::string all_of(std::istream& in) {
    std::string text;
    for (char c; text.size() <= 2 * letters.size() && in.get(c);) text += c;
    return text;
}

constexpr std::streamsize buffer_sizes[] = {1, 2, 4, 7, 26, 4096};

}  // namespace

BOOST_AUTO_TEST_CASE(two_filters_and_a_source_read_each_byte_once) {
    const target some;
    test::on_self_and_child([&](pid_t id) {
        for (const std::streamsize size : buffer_sizes) {
            io::filtering_istream in;
            in.push(io::compose(io::compose(upper_input(), io::counter()), process_vm_source(id, some.window())), size);
            BOOST_TEST(all_of(in) == capitals);
        }
    });
}

BOOST_AUTO_TEST_CASE(two_filters_and_a_sink_write_each_byte_once_and_in_its_place) {
    for (const std::streamsize size : buffer_sizes) {
        const target some;
        const test::child_process child;
        {
            io::filtering_ostream out;
            out.push(
                io::compose(io::compose(upper_output(), upper_output()), process_vm_sink(child.id(), some.window())),
                size);
            out << letters << std::flush;
            BOOST_TEST(out.good());
        }
        const auto there = test::peek(child.id(), some.memory.start(), letters.size());
        BOOST_TEST(std::memcmp(there.data(), capitals.data(), there.size()) == 0);
    }
}

BOOST_AUTO_TEST_CASE(two_filters_and_a_device_seek_as_one) {
    const target some;
    const test::child_process child;
    io::stream<io::composite<io::composite<seeking, seeking>, process_vm_device>> s(
        io::compose(io::compose(seeking(), seeking()), process_vm_device(child.id(), some.window())), 4);
    s.seekg(20);
    BOOST_TEST(all_of(s) == letters.substr(20));
    s.clear();
    s.seekp(3);
    s << "XYZ" << std::flush;
    const auto there = test::peek(child.id(), some.memory.start(), 7);
    BOOST_TEST(std::memcmp(there.data(), "abcXYZg", 7) == 0);
}

BOOST_AUTO_TEST_CASE(a_filter_by_reference_can_be_composed_with_a_temporary_device) {
    const target some;
    const test::child_process child;
    io::counter counter;
    io::filtering_istream in;
    in.push(io::compose(boost::ref(counter), process_vm_source(child.id(), some.window())), 4);
    BOOST_TEST(all_of(in) == letters);
    BOOST_TEST(counter.characters() == static_cast<int>(letters.size()));
}

BOOST_AUTO_TEST_CASE(a_composition_forwards_the_operations_of_a_device) {
    const target some;
    io::counter counter;
    auto both = io::compose(boost::ref(counter), process_vm_source(::getpid(), some.window()));
    BOOST_TEST(both.optimal_buffer_size() > 0);
    both.imbue(std::locale::classic());
    BOOST_TEST(!both.flush());  // what only reads has none
    BOOST_TEST(&both.first().get() == &counter);
    BOOST_TEST(both.second().is_open());
    both.close();
    BOOST_TEST(!both.second().is_open());
}
