// SPDX-License-Identifier: BSL-1.0
// Somebody else's program, built against the installed library.
#include <unistd.h>
#include <vmio/process_vm_stream.hpp>

int main() {
    int value = 6;
    vmio::process_vm_stream memory(getpid(), reinterpret_cast<vmio::address>(&value));
    return memory.read_value<int>() == 6 ? 0 : 1;
}
