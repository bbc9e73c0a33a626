// SPDX-License-Identifier: BSL-1.0
/// A target whose threads map, unmap, protect and rewrite pages, and readers that come by every way at once. Whatever
/// is there is a function of its address, so every byte that is handed out can be judged. VMIO_STORM sets the number of
/// reads of each reader.
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <boost/iostreams/stream.hpp>
#include <boost/test/unit_test.hpp>

#include <vmio/cached_memory.hpp>
#include <vmio/process_vm_device.hpp>
#include <vmio/process_vm_stream.hpp>
#include <vmio/read_past_gaps.hpp>

#include "processes/child.hpp"
#include "processes/storm_process.hpp"
#include "support/pages.hpp"

namespace {

using vmio::address;
using vmio::process_memory;

const std::size_t page = vmio::page_size();

struct reader {
    reader(const test::storm_process& target, unsigned seed)
        : from(target),
          random(seed),
          vm(vmio::process(target.id())),
          mem(vmio::process(target.id()), {.method = vmio::transfer_method::proc_mem}),
          stream(vm),
          boosted(vmio::process_vm_device(vm)),
          cached(vm, 8 * page),
          bytes(8 * page) {}

    /// True if the first `n` bytes are right and ec is one that may be.
    bool right(address where, std::size_t n, std::error_code ec, int also = 0) {
        if (ec && ec.value() != EFAULT && ec.value() != also) return false;
        moved += n;
        failed += ec ? 1 : 0;
        return test::is_pattern(where, std::span(bytes).first(n));
    }

    bool by_stream(std::iostream& s, address where, std::size_t size) {
        s.clear();
        s.seekg(static_cast<std::streamoff>(where));
        s.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size));
        return right(where, static_cast<std::size_t>(s.gcount()), {});
    }

    bool read_once() {
        const std::size_t size = 1 + random() % (random() % 4 == 0 ? bytes.size() : 64);
        const address where = from.start() + random() % (from.size() - size);
        const auto to = std::span(bytes).first(size);
        std::error_code ec;
        switch (random() % 7) {
            case 0: return right(where, vm.read_some(where, to, ec), ec);
            case 1: return right(where, mem.read_some(where, to, ec), ec, EIO);
            case 2: return by_stream(stream, where, size);
            case 3: return by_stream(boosted, where, size);
            case 4: return right(where, cached_read(where, to, ec), ec);
            case 5: {
                const auto half = to.first(size / 2);
                const std::vector<vmio::remote_block> blocks{{where, half},
                                                             {where + half.size(), to.subspan(half.size())}};
                const auto counts = vm.read_blocks(blocks);
                moved += counts[0] + counts[1];
                return test::is_pattern(where, half.first(counts[0])) &&
                       test::is_pattern(where + half.size(), blocks[1].bytes.first(counts[1]));
            }
            default: {
                for (std::size_t at = 0; const auto& gap : vmio::read_past_gaps(vm, where, to)) {
                    const auto start = static_cast<std::size_t>(gap.range.start() - where);
                    if (!test::is_pattern(where + at, to.subspan(at, start - at))) return false;
                    at = static_cast<std::size_t>(gap.range.end() - where);
                }
                return true;
            }
        }
    }

    std::size_t cached_read(address where, std::span<std::byte> to, std::error_code& ec) {
        if (random() % 64 == 0) cached.invalidate();
        return cached.read_some(where, to, ec);
    }

    const test::storm_process& from;
    std::mt19937 random;
    process_memory vm;
    process_memory mem;
    vmio::process_vm_stream stream;
    boost::iostreams::stream<vmio::process_vm_device> boosted;
    vmio::cached_memory<process_memory> cached;
    std::vector<std::byte> bytes;
    std::size_t moved = 0;
    std::size_t failed = 0;
};

}  // namespace

BOOST_AUTO_TEST_CASE(every_byte_that_comes_out_of_a_storm_is_right) {
    const char* const wanted = std::getenv("VMIO_STORM");
    const long rounds = wanted != nullptr ? std::atol(wanted) : 20000;
    const test::storm_process target(VMIO_STORM_TARGET);
    std::atomic<long> wrong{0};
    std::atomic<std::size_t> moved{0};
    std::atomic<std::size_t> failed{0};
    std::vector<std::thread> readers;
    for (unsigned seed = 1; seed <= 2; ++seed)
        readers.emplace_back([&, seed] {
            try {
                reader r(target, seed);
                for (long i = 0; i < rounds; ++i)
                    if (!r.read_once()) ++wrong;
                moved += r.moved;
                failed += r.failed;
            } catch (const std::exception& e) {
                std::fprintf(stderr, "a reader failed: %s\n", e.what());
                ++wrong;
            }
        });
    for (std::thread& t : readers) t.join();
    BOOST_TEST(wrong == 0);
    BOOST_TEST(moved > 0u);
    BOOST_TEST(failed > 0u);  // or it was no storm
    BOOST_TEST_MESSAGE(moved << " bytes, " << failed << " reads refused");
}
