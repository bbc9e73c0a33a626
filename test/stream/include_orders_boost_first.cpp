// SPDX-License-Identifier: BSL-1.0
/// Boost first, then the device over a process alone.
#include <boost/iostreams/stream.hpp>

#include <vmio/process_vm_device.hpp>

#include <typeinfo>

#include "stream/include_orders.hpp"
#include "support/fake_memory.hpp"

using device = vmio::memory_device<test::fake_memory>;
using buffer = boost::iostreams::stream_buffer<device>;

test::buffer_facts test::facts_by_boost_first() {
    using traits = boost::iostreams::detail::stream_buffer_traits<device, std::char_traits<char>, std::allocator<char>,
                                                                  boost::iostreams::mode_of<device>::type>;
    return {sizeof(buffer), typeid(traits::type).name()};
}

std::string test::read_by_boost_first(std::streambuf& made_elsewhere) {
    auto& same = dynamic_cast<buffer&>(made_elsewhere);
    std::string text(5, ' ');
    text.resize(static_cast<std::size_t>(same.sgetn(text.data(), 5)));
    same.close();
    return text;
}
