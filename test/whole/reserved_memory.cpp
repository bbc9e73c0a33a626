// SPDX-License-Identifier: BSL-1.0
/// What a process has reserved costs nothing for each of its bytes: some mebibytes of data in as many tebibytes as the
/// machine gives are read, compared, restored and dumped with few more system calls than the same data alone.
#include <cstring>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <vmio/core_memory.hpp>
#include <vmio/process_snapshot.hpp>
#include <vmio/region_reader.hpp>
#include <vmio/search.hpp>
#include <vmio/snapshot_diff.hpp>
#include <vmio/write_core.hpp>

#include "faults/count_calls.hpp"
#include "support/files.hpp"
#include "support/scratch.hpp"

using test::must;
using vmio::address;
using vmio::address_range;
using vmio::process;
using vmio::process_memory;
using vmio::process_snapshot;

namespace {

const std::size_t page = vmio::page_size();
constexpr std::size_t data_size = std::size_t{4} << 20;
constexpr std::size_t places = 16;

enum class kind { anonymous, memory_file, file };
enum class layout { alone, in_one_place, here_and_there };

/// A shared mapping of a sparse file, or a private one of none.
class reserve {
public:
    reserve(kind k, std::size_t size) : size_(size) {
        char name[] = "/var/tmp/vmio-XXXXXX";
        if (k == kind::file) {
            file_ = ::mkstemp(name);
            ::unlink(name);
        } else if (k == kind::memory_file) {
            file_ = ::memfd_create("sparse", MFD_CLOEXEC);
        }
        if (k != kind::anonymous && (file_ < 0 || ::ftruncate(file_, static_cast<off_t>(size)) != 0)) return;
        const int flags = k == kind::anonymous ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
        void* const p = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, flags | MAP_NORESERVE, file_, 0);
        if (p == MAP_FAILED) return;
        ::madvise(p, size, MADV_NOHUGEPAGE);
        data_ = static_cast<std::byte*>(p);
    }
    reserve(const reserve&) = delete;
    reserve& operator=(const reserve&) = delete;
    ~reserve() {
        if (data_ != nullptr) ::munmap(data_, size_);
        if (file_ >= 0) ::close(file_);
    }

    explicit operator bool() const { return data_ != nullptr; }
    std::size_t size() const { return size_; }
    address_range range() const { return address_range::of_size(vmio::address_of(data_), size_); }

    void fill(layout l) {
        const std::size_t parts = l == layout::here_and_there ? places : 1;
        const std::size_t first = l == layout::alone ? 0 : size_ / 64 / page * page;
        for (std::size_t i = 0; i < parts; ++i)
            filled_.push_back({first + i * (size_ / places / page * page), data_size / parts});
        for (const auto& [at, size] : filled_) std::memset(data_ + at, 'x', size);
    }
    std::vector<address_range> filled() const {
        std::vector<address_range> all;
        for (const auto& [at, size] : filled_) all.push_back(address_range::of_size(range().start() + at, size));
        return all;
    }

private:
    struct part {
        std::size_t at, size;
    };
    std::size_t size_;
    int file_ = -1;
    std::byte* data_ = nullptr;
    std::vector<part> filled_;
};

/// The largest of 15 TiB, a half of that and so on that the machine gives, but 64 GiB at least.
std::size_t largest(kind k) {
    for (std::size_t size = std::size_t{15} << 40; size >= std::size_t{64} << 30; size /= 2)
        if (reserve(k, size)) return size;
    return 0;
}

/// The number of system calls of each operation.
struct calls {
    std::size_t capture, diff, write_back, search, threads, walk, core;
};

calls calls_for(kind k, std::size_t size, layout l) {
    reserve memory(k, size);
    must(static_cast<bool>(memory), "reserve");
    memory.fill(l);
    const address_range all = memory.range();
    const test::child_process child;
    const process target(child.id());
    const process_memory live{target};
    vmio::capture_options chosen;
    chosen.ranges = {all};
    const auto before = process_snapshot::capture(target, chosen);
    BOOST_TEST((before.gaps().empty() && before.stored().size() == memory.filled().size()));
    BOOST_TEST(diff(before, live).empty());
    const auto search_with = [&](unsigned threads) {
        vmio::search_options options;
        options.regions.within = all;
        options.threads = threads;
        return search(live, vmio::byte_pattern::text("absent"), options).size();
    };
    // No thread is started for so little, and none goes through all of it to share it out.
    vmio::search_options pages;
    pages.regions.within = all;
    pages.threads = 8;
    pages.alignment = page;
    const auto by_this_thread = [me = std::this_thread::get_id()](address) { return std::this_thread::get_id() == me; };
    const auto found = search(live, vmio::byte_pattern::text("x"), by_this_thread, pages);
    BOOST_TEST((found.matches == data_size / page && !found.stopped && found.searched == memory.size()));
    calls n{};
    n.capture = test::count_calls([&] { process_snapshot::capture(target, chosen); });
    n.diff = test::count_calls([&] { must(diff(before, live).empty(), "diff"); });
    n.write_back =
        test::count_calls([&] { must(before.write_back(live, std::vector{all}).written == 0, "write_back"); });
    n.search = test::count_calls([&] { must(search_with(1) == 0, "search"); });
    n.threads = test::count_calls([&] { must(search_with(8) == 0, "search"); });
    n.walk = test::count_calls([&] {
        vmio::region_options options;
        options.within = all;
        options.chunk_size = std::size_t{1} << 20;
        for (vmio::region_reader reader(live, options); reader.next();) reader.fetch();
    });
    const test::scratch_directory directory;
    const std::filesystem::path path = directory / "core";
    n.core = test::count_calls([&] {
        vmio::core_options options;
        options.wanted = [&](const vmio::mapping& m) { return m.range.overlaps(all); };
        write_core(target, path, options);
    });
    BOOST_TEST(test::disk_size(path) < 2 * data_size);
    const auto core = vmio::core_memory::open(path);
    for (const address_range& part : memory.filled()) {
        std::vector<std::byte> bytes(part.size());
        std::error_code ec;
        BOOST_TEST(core.read_some(part.start(), bytes, ec) == bytes.size());
        BOOST_TEST((bytes == std::vector(bytes.size(), std::byte{'x'})));
    }
    return n;
}

}  // namespace

BOOST_AUTO_TEST_CASE(reserved_memory_costs_no_operation_much) {
    for (const kind k : {kind::anonymous, kind::memory_file, kind::file}) {
        const std::size_t size = largest(k);
        if (size == 0) continue;
        const calls alone = calls_for(k, data_size, layout::alone);
        for (const layout l : {layout::in_one_place, layout::here_and_there}) {
            const calls n = calls_for(k, size, l);
            // Where the machine is slow, what is known of page tables has to be looked up again and again.
            constexpr std::size_t some = 1500;
            BOOST_TEST(n.capture <= 3 * alone.capture + some);
            BOOST_TEST(n.diff <= 3 * alone.diff + some);
            BOOST_TEST(n.write_back <= 3 * alone.write_back + some);
            BOOST_TEST(n.search <= 3 * alone.search + some);
            BOOST_TEST(n.threads <= 3 * alone.threads + some);
            BOOST_TEST(n.walk <= 3 * alone.walk + some);
            BOOST_TEST(n.core <= 3 * alone.core + some);
        }
    }
}
