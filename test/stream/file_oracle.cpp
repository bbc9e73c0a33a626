// SPDX-License-Identifier: BSL-1.0
/// A process_vm_stream over a window against a std::fstream on a file of the same content: whatever one gives, so must
/// the other. (std::fstream wants a seek between reading and writing; it gets one, to its own position.)
#include <vmio/process_vm_stream.hpp>

#include <cstdlib>
#include <fstream>
#include <random>
#include <string>

#include <boost/iostreams/stream.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include "processes/child.hpp"
#include "support/pages.hpp"

namespace {

const std::size_t page = vmio::page_size();
const std::size_t size = 3 * page + 123;
constexpr std::size_t buffer_sizes[] = {0, 1, 2, 23, 4096, 65536};
constexpr std::size_t chunk_sizes[] = {1, 3, 4095, 4096, 4097, 20000};
constexpr unsigned seeds[] = {0, 1, 2, 3, 4, 5, 6, 7};

/// A file with the content of `from`, gone with the object.
class file {
public:
    explicit file(std::span<const std::byte> from) {
        test::must(::mkstemp(name_) >= 0, "mkstemp");
        stream_.open(name_, std::ios::in | std::ios::out | std::ios::binary | std::ios::trunc);
        stream_.write(reinterpret_cast<const char*>(from.data()), static_cast<std::streamsize>(from.size()));
        stream_.seekg(0);
        ::unlink(name_);
    }
    std::fstream& stream() { return stream_; }

private:
    char name_[32] = "/tmp/vmio-oracle-XXXXXX";
    std::fstream stream_;
};

struct pair {
    pair(pid_t id, const test::pages& memory, std::size_t buffer_size)
        : oracle_file(test::peek(id, memory.start(), size)),
          oracle(oracle_file.stream()),
          ours(id, vmio::address_range::of_size(memory.start(), size), buffer_size) {}

    void same_state() {
        BOOST_TEST(ours.rdstate() == oracle.rdstate());
        BOOST_TEST(ours.gcount() == oracle.gcount());
    }
    void same_position() { BOOST_TEST(ours.tellg() == oracle.tellg()); }
    void same_content() {
        oracle.clear();
        ours.clear();
        oracle.seekg(0);
        ours.seekg(0);
        std::string a(size, 0);
        std::string b(size, 1);
        oracle.read(a.data(), static_cast<std::streamsize>(size));
        ours.read(b.data(), static_cast<std::streamsize>(size));
        BOOST_TEST((a == b));
        same_state();
    }

    file oracle_file;
    std::fstream& oracle;
    vmio::process_vm_stream ours;
};

void read_in_chunks(pair& p, std::size_t chunk) {
    std::string a(chunk, 0);
    std::string b(chunk, 0);
    do {
        p.oracle.read(a.data(), static_cast<std::streamsize>(chunk));
        p.ours.read(b.data(), static_cast<std::streamsize>(chunk));
        p.same_state();
        BOOST_TEST((a == b));
    } while (p.oracle);
}

void write_in_chunks(pair& p, std::size_t chunk) {
    const std::string text(chunk, static_cast<char>('A' + chunk % 26));
    for (std::size_t at = 0; at + chunk <= size; at += chunk) {
        p.oracle.write(text.data(), static_cast<std::streamsize>(chunk));
        p.ours.write(text.data(), static_cast<std::streamsize>(chunk));
    }
    p.same_state();
}

/// A thousand steps of every kind, the same for both.
void wander(pair& p, unsigned seed) {
    std::mt19937 random(seed);
    auto below = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
    for (int step = 0; step < 1000; ++step) {
        const std::streamoff here = p.oracle.tellg();
        BOOST_TEST(p.ours.tellp() == here);
        const std::size_t left = size - static_cast<std::size_t>(here);
        switch (below(9)) {
            case 0: {
                const std::size_t n = below(2 * page) + 1;
                std::string a(n, 0);
                std::string b(n, 0);
                p.oracle.read(a.data(), static_cast<std::streamsize>(n));
                p.ours.read(b.data(), static_cast<std::streamsize>(n));
                BOOST_TEST((a == b));
                break;
            }
            case 1: BOOST_TEST(p.ours.get() == p.oracle.get()); break;
            case 2: BOOST_TEST(p.ours.peek() == p.oracle.peek()); break;
            case 3: {
                const std::string text(below(std::min<std::size_t>(left, 2 * page) + 1), static_cast<char>(step));
                p.oracle.seekp(here);
                p.oracle.write(text.data(), static_cast<std::streamsize>(text.size()));
                p.ours.write(text.data(), static_cast<std::streamsize>(text.size()));
                p.oracle.seekg(p.oracle.tellp());
                break;
            }
            case 4:
                if (left == 0) break;
                p.oracle.seekp(here);
                p.oracle.put('!');
                p.ours.put('!');
                p.oracle.seekg(p.oracle.tellp());
                break;
            case 5: {
                const auto to = static_cast<std::streamoff>(below(size + 1));
                p.oracle.seekg(to);
                p.ours.seekg(to);
                break;
            }
            case 6: {
                const auto by = static_cast<std::streamoff>(below(left + 1)) -
                                static_cast<std::streamoff>(below(static_cast<std::size_t>(here) + 1));
                p.oracle.seekg(by, std::ios::cur);
                p.ours.seekg(by, std::ios::cur);
                break;
            }
            case 7: {
                const auto back = static_cast<std::streamoff>(below(size + 1));
                p.oracle.seekg(-back, std::ios::end);
                p.ours.seekg(-back, std::ios::end);
                break;
            }
            default: {
                char a[3];
                char b[3];
                p.oracle.read(a, 3);
                p.ours.read(b, 3);
                if (p.oracle.gcount() == 3) {
                    p.oracle.unget();
                    p.ours.unget();
                    BOOST_TEST(p.ours.get() == p.oracle.get());
                }
            }
        }
        p.same_state();
        p.oracle.clear();
        p.ours.clear();
        p.same_position();
    }
}

template <class Act>
void compare(Act&& act) {
    const test::pages memory(4);
    test::on_self_and_child([&](pid_t id) {
        for (const std::size_t buffer_size : buffer_sizes) {
            pair p(id, memory, buffer_size);
            act(p);
            p.same_content();
        }
    });
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_stream_reads_characters_as_a_file_stream_does) {
    compare([](pair& p) {
        int a = 0;
        do {
            a = p.oracle.get();
            BOOST_REQUIRE(p.ours.get() == a);
        } while (a != EOF);
        p.same_state();
    });
}

BOOST_DATA_TEST_CASE(a_stream_reads_chunks_as_a_file_stream_does, boost::unit_test::data::make(chunk_sizes), chunk) {
    compare([chunk = chunk](pair& p) { read_in_chunks(p, chunk); });
}

BOOST_AUTO_TEST_CASE(a_stream_writes_characters_as_a_file_stream_does) {
    compare([](pair& p) {
        for (std::size_t i = 0; i < size; ++i) {
            p.oracle.put(static_cast<char>(i * 7));
            p.ours.put(static_cast<char>(i * 7));
        }
        p.same_state();
    });
}

BOOST_DATA_TEST_CASE(a_stream_writes_chunks_as_a_file_stream_does, boost::unit_test::data::make(chunk_sizes), chunk) {
    compare([chunk = chunk](pair& p) { write_in_chunks(p, chunk); });
}

BOOST_DATA_TEST_CASE(a_stream_mixes_reads_writes_and_seeks_as_a_file_stream_does, boost::unit_test::data::make(seeds),
                     seed) {
    compare([seed = seed](pair& p) { wander(p, seed); });
}

BOOST_AUTO_TEST_CASE(a_stream_extracts_lines_and_words_as_a_file_stream_does) {
    const test::pages memory(4);
    const std::string text = "some words\nin 3 lines\n\nand -17 1e3 more \x01 bytes";
    std::memcpy(memory.data(), text.data(), text.size() + 1);
    test::child_process child;
    pair p(child.id(), memory, 23);
    for (int i = 0; i < 4; ++i) {
        std::string a;
        std::string b;
        std::getline(p.oracle, a);
        std::getline(p.ours, b);
        BOOST_TEST(a == b);
        p.same_state();
    }
    p.oracle.seekg(11);
    p.ours.seekg(11);
    std::string a;
    std::string b;
    int i = 0;
    int j = 0;
    p.oracle >> a >> i;
    p.ours >> b >> j;
    BOOST_TEST(a == b);
    BOOST_TEST(i == j);
    p.same_position();
    p.oracle.ignore(1000, 'm');
    p.ours.ignore(1000, 'm');
    p.same_position();
}
