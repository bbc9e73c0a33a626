// SPDX-License-Identifier: BSL-1.0
// Somebody else's program, built against the installed library.
#include <istream>
#include <memory>
#include <unistd.h>
#include <vmio/process_vm_stream.hpp>

namespace {

/// A class derived from a stream needs the tables of virtual bases and the thunks of the library.
struct own_stream : vmio::process_vm_stream {
    using process_vm_stream::process_vm_stream;
    ~own_stream() override { ++ends; }

    static inline int ends = 0;
};

}  // namespace

int main() {
    int value = 6;
    vmio::process_vm_stream memory(getpid(), reinterpret_cast<vmio::address>(&value));
    if (memory.read_value<int>() != 6) return 1;
    {
        const std::unique_ptr<std::ostream> own =
            std::make_unique<own_stream>(getpid(), vmio::address_range::of_size(vmio::address_of(&value), 4));
        own->put(7).flush();
    }
    memory.seekg(memory.tellg() - std::streamoff(sizeof value));
    return memory.get() == 7 && own_stream::ends == 1 ? 0 : 1;
}
