// SPDX-License-Identifier: BSL-1.0
/// The names that programs rely on keep their shape: this file compiles, and what it makes works on this process.
#include <concepts>
#include <iterator>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <system_error>
#include <type_traits>
#include <vector>

#include <unistd.h>

#include <boost/iostreams/categories.hpp>
#include <boost/test/unit_test.hpp>

#include <vmio/address.hpp>
#include <vmio/block_scanner.hpp>
#include <vmio/build_id.hpp>
#include <vmio/error.hpp>
#include <vmio/memory_map.hpp>
#include <vmio/process.hpp>
#include <vmio/process_memory.hpp>
#include <vmio/process_snapshot.hpp>
#include <vmio/process_vm_device.hpp>
#include <vmio/process_vm_stream.hpp>
#include <vmio/query_mapping.hpp>
#include <vmio/region_reader.hpp>
#include <vmio/snapshot.hpp>

namespace {

using bytes = std::span<std::byte>;
using constant_bytes = std::span<const std::byte>;

static_assert(std::same_as<vmio::address, std::uint64_t>);
static_assert(std::derived_from<vmio::memory_error, std::ios_base::failure>);
static_assert(std::derived_from<vmio::memory_error, std::system_error>);
static_assert(std::copyable<vmio::process> && std::copyable<vmio::process_memory>);
static_assert(std::default_initializable<vmio::process_vm_device> && std::copyable<vmio::process_vm_device>);
static_assert(std::same_as<vmio::process_vm_device::char_type, char>);
static_assert(std::convertible_to<vmio::process_vm_device::category, boost::iostreams::seekable_device_tag>);
static_assert(std::convertible_to<vmio::process_vm_device::category, boost::iostreams::closable_tag>);
static_assert(std::convertible_to<vmio::process_vm_device::category, boost::iostreams::optimally_buffered_tag>);
static_assert(std::derived_from<vmio::process_vm_stream, std::iostream>);
static_assert(std::derived_from<vmio::process_vm_istream, std::istream>);
static_assert(std::derived_from<vmio::process_vm_ostream, std::ostream>);
static_assert(std::ranges::random_access_range<const vmio::memory_map>);
static_assert(std::ranges::random_access_range<const vmio::block_scan>);
static_assert(std::same_as<std::ranges::range_value_t<vmio::memory_map>, vmio::mapping>);
static_assert(std::same_as<std::ranges::range_value_t<vmio::block_scan>, vmio::block_result>);
static_assert(std::movable<vmio::cow_view> && !std::copyable<vmio::cow_view>);

}  // namespace

BOOST_AUTO_TEST_CASE(ranges_errors_and_transfers_have_their_documented_names) {
    BOOST_TEST(vmio::page_size() > 0u);
    const vmio::address_range range = vmio::address_range::of_size(16, 4);
    BOOST_TEST((range.start() == 16 && range.end() == 20 && range.size() == 4 && !range.empty()));
    BOOST_TEST((range.contains(19) && !range.contains(20)));

    std::error_code ec;
    const vmio::process opened(::getpid(), ec);
    BOOST_TEST((!ec && opened.id() == ::getpid() && opened.alive() && vmio::process::self().id() == ::getpid()));

    vmio::process_memory_options options;
    options.method = vmio::transfer_method::automatic;
    options.force_write = false;
    const vmio::process_memory memory(opened, options);
    static_assert(noexcept(memory.read_some(vmio::address{}, bytes{}, ec)));
    static_assert(noexcept(memory.write_some(vmio::address{}, constant_bytes{}, ec)));
    int number = 6;
    BOOST_TEST(memory.read_value<int>(vmio::address_of(&number)) == 6);
    memory.write_value(vmio::address_of(&number), 7);
    BOOST_TEST(number == 7);
    const char text[] = "a string";
    BOOST_TEST(memory.read_string(vmio::address_of(text), 100) == "a string");
    int copy = 0;
    const vmio::remote_block block{vmio::address_of(&number), std::as_writable_bytes(std::span(&copy, 1))};
    const std::vector<std::size_t> moved = memory.read_blocks({&block, 1});
    BOOST_TEST((moved == std::vector<std::size_t>{sizeof copy} && copy == 7));
    memory.read(block.start, block.bytes);
    memory.write(block.start, block.bytes);
    try {
        memory.read(0, block.bytes);
        BOOST_TEST(false);
    } catch (const vmio::memory_error& e) {
        BOOST_TEST((e.code().value() == EFAULT && e.process_id() == ::getpid() && e.where() == 0));
        BOOST_TEST(std::string(e.operation()) != "");
    }
}

BOOST_AUTO_TEST_CASE(devices_and_streams_have_their_documented_names) {
    char text[] = "text";
    const auto start = vmio::address_of(text);
    vmio::process_vm_device whole(::getpid(), start);
    char c[4];
    BOOST_TEST((whole.read(c, 4) == 4 && whole.is_open()));
    BOOST_TEST(std::streamoff(whole.seek(0, std::ios::cur)) == std::streamoff(start) + 4);
    vmio::process_vm_device window(vmio::process_memory(vmio::process::self()), vmio::address_range::of_size(start, 4));
    BOOST_TEST((window.write("Text", 4) == 4 && window.read(c, 1) == -1));
    window.close();
    BOOST_TEST(!window.is_open());

    vmio::process_vm_stream stream(::getpid(), start, 64);
    BOOST_TEST(stream.read_value<char>() == 'T');
    stream.write_value('E');
    stream.flush();
    BOOST_TEST((stream.is_open() && !stream.last_error() && std::string(text) == "TExt"));
    stream.close();
    stream.open(::getpid(), start);
    vmio::process_vm_istream in(vmio::process_memory(vmio::process::self()), vmio::address_range::of_size(start, 4));
    vmio::process_vm_ostream out(::getpid(), start);
    BOOST_TEST((in.good() && out.good()));
}

BOOST_AUTO_TEST_CASE(maps_walks_and_snapshots_have_their_documented_names) {
    static int number = 5;
    const auto at = vmio::address_of(&number);
    const vmio::process self = vmio::process::self();
    const auto map = vmio::memory_map::load(self);
    const vmio::mapping* const found = map.find(at);
    BOOST_REQUIRE(found != nullptr);
    const vmio::permissions perms = found->perms;
    BOOST_TEST((perms.read && perms.write && !perms.execute && !perms.shared && found->range.contains(at)));
    BOOST_TEST((found->device_minor < 1u << 20 && found->device_major < 1u << 12 && !found->deleted));
    const std::optional<vmio::mapping> asked = vmio::query_mapping(self, at);
    BOOST_TEST((asked && asked->range == found->range));
    const std::vector<std::byte> id = vmio::build_id(self, *found);
    BOOST_TEST(id.size() < 100u);

    const vmio::region_options how{.chunk_size = 1 << 20,
                                   .overlap = 0,
                                   .max_fetched_size = 1 << 30,
                                   .use_backing_files = true,
                                   .skip_untouched = true};
    vmio::region_reader reader(self, how);
    BOOST_TEST(reader.next());
    BOOST_TEST((reader.fetch().size() == reader.range().size() && reader.mapping().perms.read));
    const std::span<const vmio::address_range> gaps = reader.gaps();
    BOOST_TEST(gaps.size() < 100u);
    reader.reset();

    const vmio::memory_block wanted{at, sizeof number};
    const vmio::block_scan scan = vmio::scan_blocks(vmio::process_memory(self), {&wanted, 1}, 4096);
    const vmio::block_result& result = scan[0];
    BOOST_TEST((result.start == at && result.size == sizeof number && result.bytes.size() == sizeof number));
    BOOST_TEST((!result.truncated && !result.error));

    vmio::snapshot zeros = vmio::snapshot::zeroed(10);
    BOOST_TEST((zeros.size() == 10 && zeros.clone().size() == 10));
    vmio::cow_view view = vmio::snapshot::from_bytes(std::as_bytes(std::span("abc"))).view();
    view.bytes()[0] = std::byte{'x'};
    BOOST_TEST((view.changed().size() == 1 && view.changed()[0].offset == 0 && view.changed()[0].size >= 4));
    BOOST_TEST(view.take_snapshot().size() == view.size());
    view.restore();
    vmio::mutable_view writable = zeros.view_mutable();

    const auto frozen = vmio::process_snapshot::capture(self, {});
    BOOST_TEST(!frozen.ranges().empty());
    int copy = 0;
    std::error_code ec;
    BOOST_TEST(frozen.read_some(at, std::as_writable_bytes(std::span(&copy, 1)), ec) == sizeof copy);
    BOOST_TEST((copy == 5 && frozen.gaps().size() < 10000));
}
