// SPDX-License-Identifier: BSL-1.0
/// A program's memory as a stream, in the hands of libraries that have never heard of processes.
#pragma once

#include <algorithm>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <boost/iostreams/device/file.hpp>
#include <boost/iostreams/filter/gzip.hpp>
#include <boost/iostreams/filtering_stream.hpp>
#include <boost/test/unit_test.hpp>

#include <vmio/memory_map.hpp>
#include <vmio/pause_guard.hpp>
#include <vmio/process_vm_stream.hpp>
#include <vmio/read_past_gaps.hpp>

#include "processes/run_program.hpp"
#include "support/files.hpp"
#include "support/skip.hpp"

#ifdef VMIO_LIBELFIN
#include <libelfin/elf/elf++.hh>
#endif

namespace proof {

inline auto with_libelfin() {
    return boost::unit_test::precondition([](boost::unit_test::test_unit_id) {
#ifdef VMIO_LIBELFIN
        return test::unless_missing(true, "");
#else
        return test::unless_missing(false, "libelfin-dev");
#endif
    });
}

/// The memory that a process can write is compressed by a Boost filter on the way to a file, and gzip(1) gives it back.
inline void regions_are_compressed(pid_t id) {
    const test::directory directory;
    const vmio::process target(id);
    const vmio::process_memory memory(target);
    const vmio::pause_guard guard(target);
    std::vector<std::byte> expected;
    {
        boost::iostreams::filtering_ostream compressed;
        compressed.push(boost::iostreams::gzip_compressor(1));
        compressed.push(boost::iostreams::file_sink((directory / "copy.gz").string(), std::ios::binary));
        for (const vmio::mapping& m : vmio::memory_map::load(target)) {
            if (!m.perms.read || !m.perms.write) continue;
            std::vector<std::byte> bytes(m.range.size());
            if (!vmio::read_past_gaps(memory, m.range.start(), bytes).empty()) continue;
            expected.insert(expected.end(), bytes.begin(), bytes.end());
            vmio::process_vm_istream region(id, m.range);
            compressed << region.rdbuf();
            BOOST_TEST(compressed.good());
        }
    }
    BOOST_TEST(expected.size() >= std::size_t{1} << 20);
    BOOST_TEST(test::run_program({"gzip", "-d", directory / "copy.gz"}).status == 0);
    BOOST_TEST((test::read_file(directory / "copy") == expected));
}

#ifdef VMIO_LIBELFIN
/// All that the library gets to see: bytes from a stream.
class stream_loader : public elf::loader {
public:
    explicit stream_loader(std::istream& s) : stream_(s) {}

    const void* load(off_t offset, std::size_t size) override {
        loaded_.push_back(std::make_unique<char[]>(size));
        stream_.seekg(offset);
        stream_.read(loaded_.back().get(), static_cast<std::streamsize>(size));
        if (!stream_) throw std::range_error("the image ends");
        return loaded_.back().get();
    }

private:
    std::istream& stream_;
    std::vector<std::unique_ptr<char[]>> loaded_;
};
#endif

/// The only whole ELF image that every process has in memory, its vdso, by headers, sections and symbols.
inline void image_is_parsed(pid_t id) {
#ifdef VMIO_LIBELFIN
    const test::directory directory;
    const vmio::memory_map map = vmio::memory_map::load(vmio::process(id));
    const auto* const vdso = std::find_if(map.begin(), map.end(), [](const auto& m) { return m.name == "[vdso]"; });
    BOOST_TEST_REQUIRE((vdso != map.end()));
    vmio::process_vm_istream image(id, vdso->range);
    const elf::elf parsed(std::make_shared<stream_loader>(image));

    std::ofstream(directory / "image", std::ios::binary) << image.seekg(0).rdbuf();
    const std::string told = test::run_program({"readelf", "-SsW", directory / "image"}).out;
    std::size_t symbols = 0;
    for (const elf::section& s : parsed.sections()) {
        BOOST_TEST(told.find(s.get_name()) != std::string::npos);
        if (s.get_hdr().type != elf::sht::dynsym) continue;
        const elf::symtab table = s.as_symtab();
        const auto end = table.end();
        for (auto symbol = table.begin(); symbol != end; ++symbol, ++symbols)
            BOOST_TEST(told.find((*symbol).get_name()) != std::string::npos);
    }
    BOOST_TEST(told.find(std::to_string(parsed.sections().size()) + " section headers") != std::string::npos);
    BOOST_TEST(symbols > 5u);
#else
    static_cast<void>(id);
#endif
}

}  // namespace proof
