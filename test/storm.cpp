// SPDX-License-Identifier: BSL-1.0
/// A target whose threads map, unmap, protect and rewrite pages, and readers that come by every way at once. Whatever
/// is there is a function of its address, so every byte that is handed out can be judged. VMIO_STORM sets the number of
/// reads of each reader.
#define BOOST_TEST_MODULE storm
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

#include <boost/iostreams/stream.hpp>
#include <boost/test/unit_test.hpp>

#include <vmio/cached_memory.hpp>
#include <vmio/process_vm_stream.hpp>

#include "support/child.hpp"
#include "support/pages.hpp"

namespace {

using vmio::address;
using vmio::process_memory;

const std::size_t page = vmio::page_size();
constexpr std::size_t page_count = 256;

/// A file of the pattern, each page of which is mapped at its place again and again, and the place that stays reserved.
class arena {
public:
    arena() : reserved_(page_count), file_(::memfd_create("arena", MFD_CLOEXEC)) {
        test::must(file_ >= 0, "memfd_create");
        test::must(::pwrite(file_, reserved_.data(), reserved_.size(), 0) == static_cast<ssize_t>(reserved_.size()),
                   "pwrite");
    }
    ~arena() { ::close(file_); }

    address start() const { return reserved_.start(); }
    std::size_t size() const { return reserved_.size(); }

    /// Something happens to some pages.
    void disturb(std::mt19937& random) const {
        const std::size_t first = random() % page_count;
        const std::size_t count = 1 + random() % std::min<std::size_t>(8, page_count - first);
        std::byte* const at = reserved_.data() + first * page;
        switch (random() % 5) {
            case 0: ::mprotect(at, count * page, PROT_NONE); break;
            case 1: ::mprotect(at, count * page, PROT_READ); break;
            case 2: ::munmap(at, count * page); break;  // nothing else is mapped here meanwhile
            case 3: rewrite(at, count * page); break;
            default:
                ::mmap(at, count * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, file_,
                       static_cast<off_t>(first * page));
        }
    }

private:
    /// The same bytes again, if the page can be written at all: by the kernel, which only fails where we would crash.
    void rewrite(std::byte* at, std::size_t size) const {
        [[maybe_unused]] const ssize_t n = ::pread(file_, at, size, at - reserved_.data());
    }

    test::pages reserved_;
    int file_;
};

struct reader {
    reader(const arena& a, pid_t id, unsigned seed)
        : from(a),
          random(seed),
          vm(vmio::process(id)),
          mem(vmio::process(id), {.method = vmio::transfer_method::proc_mem}),
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
                for (std::size_t at = 0; const auto& gap : vm.read_past_gaps(where, to)) {
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

    const arena& from;
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
    const arena a;
    test::child_process target([&] {
        for (unsigned i = 0; i < 3; ++i)
            std::thread([&a, i] {
                for (std::mt19937 random(i);;) a.disturb(random);
            }).detach();
    });
    std::atomic<long> wrong{0};
    std::atomic<std::size_t> moved{0};
    std::atomic<std::size_t> failed{0};
    std::vector<std::thread> readers;
    for (unsigned seed = 1; seed <= 2; ++seed)
        readers.emplace_back([&, seed] {
            reader r(a, target.id(), seed);
            for (long i = 0; i < rounds; ++i)
                if (!r.read_once()) ++wrong;
            moved += r.moved;
            failed += r.failed;
        });
    for (std::thread& t : readers) t.join();
    BOOST_TEST(wrong == 0);
    BOOST_TEST(moved > 0u);
    BOOST_TEST(failed > 0u);  // or it was no storm
    BOOST_TEST_MESSAGE(moved << " bytes, " << failed << " reads refused");
}
