// SPDX-License-Identifier: BSL-1.0
/// Flags of std::ios_base are neither addresses nor sizes; every kind of number still is.
#include <vmio/process_vm_stream.hpp>

#include <cstdint>
#include <ios>
#include <type_traits>

#include <boost/iostreams/stream.hpp>
#include <boost/test/unit_test.hpp>

#include <vmio/process_vm_device.hpp>

#include "support/fake_memory.hpp"

using test::fake_memory;
using vmio::address;
using vmio::address_range;
using vmio::process_memory;
using vmio::process_vm_device;
using vmio::process_vm_istream;
using vmio::process_vm_ostream;
using vmio::process_vm_sink;
using vmio::process_vm_source;
using vmio::process_vm_stream;

namespace {

using openmode = std::ios_base::openmode;
using seekdir = std::ios_base::seekdir;

enum places : std::uint64_t { somewhere = 4096 };

template <class T, class... Args>
constexpr bool opens = requires(T& t, Args... args) {
    t.open(args...);
};

template <class T, class... Args>
constexpr bool takes = std::is_constructible_v<T, Args...>&& opens<T, Args...>;

template <class T, class... Args>
constexpr bool refuses = !std::is_constructible_v<T, Args...> && !opens<T, Args...>;

template <class Device, class First>
constexpr bool device_tells_them_apart =
    takes<Device, First>&& takes<Device, First, int>&& takes<Device, First, unsigned>&&
        takes<Device, First, unsigned long>&& takes<Device, First, long long>&& takes<Device, First, places>&&
            takes<Device, First, address>&& takes<Device, First, address_range>&& refuses<Device, First, openmode>&&
                refuses<Device, First, const openmode&>&& refuses<Device, First, seekdir>&&
                    refuses<Device, First, std::ios_base::iostate>&& refuses<Device, First, std::ios_base::fmtflags>;

template <class Stream, class First>
constexpr bool stream_tells_them_apart =
    device_tells_them_apart<Stream, First>&& takes<Stream, First, int, int>&& takes<Stream, First, address, places>&&
        takes<Stream, First, address_range, std::size_t>&& refuses<Stream, First, address, openmode>&&
            refuses<Stream, First, int, openmode>&& refuses<Stream, First, address_range, openmode>&&
                refuses<Stream, First, openmode, std::size_t>&& refuses<Stream, First, openmode, openmode>;

template <class Stream, class Device>
constexpr bool size_is_no_flag = takes<Stream, Device>&& takes<Stream, Device, int>&&
    takes<Stream, Device, std::size_t>&& refuses<Stream, Device, openmode>;

static_assert(device_tells_them_apart<process_vm_device, pid_t> &&
              device_tells_them_apart<process_vm_device, process_memory>);
static_assert(device_tells_them_apart<process_vm_source, pid_t> && device_tells_them_apart<process_vm_sink, pid_t>);
static_assert(device_tells_them_apart<vmio::memory_device<fake_memory>, fake_memory>);
static_assert(stream_tells_them_apart<process_vm_stream, pid_t> &&
              stream_tells_them_apart<process_vm_stream, process_memory>);
static_assert(stream_tells_them_apart<process_vm_istream, pid_t> && stream_tells_them_apart<process_vm_ostream, pid_t>);
static_assert(stream_tells_them_apart<vmio::memory_stream<fake_memory>, fake_memory>);
static_assert(size_is_no_flag<process_vm_stream, process_vm_device> &&
              size_is_no_flag<process_vm_istream, process_vm_source> &&
              size_is_no_flag<process_vm_ostream, process_vm_sink>);
static_assert(!std::is_constructible_v<process_vm_stream, openmode> &&
              !std::is_constructible_v<process_vm_device, openmode>);

template <class Buffer, class Size>
constexpr bool attaches = requires(Buffer& b, Size size) {
    b.attach(process_vm_device(), size);
};
static_assert(attaches<vmio::memory_streambuf<process_vm_device>, int> &&
              !attaches<vmio::memory_streambuf<process_vm_device>, openmode>);

}  // namespace

BOOST_AUTO_TEST_CASE(a_literal_0_is_an_address) {
    BOOST_TEST(process_vm_stream(::getpid(), 0).tellg() == 0);
    BOOST_TEST(process_vm_stream(::getpid(), 0, 0).tellg() == 0);
    BOOST_TEST(process_vm_device(::getpid(), 0).seek(0, std::ios_base::cur) == 0);
    process_vm_stream s;
    s.open(::getpid(), 0, 512);
    BOOST_TEST(s.tellg() == 0);
    boost::iostreams::stream<process_vm_device> boosted(::getpid(), 0);
    BOOST_TEST(boosted.tellg() == 0);
}
