// SPDX-License-Identifier: BSL-1.0
// Values for a debugger to print, when it has reached the end of main().
#include <vmio/address.hpp>
#include <vmio/block_scanner.hpp>
#include <vmio/mapping.hpp>
#include <vmio/memory_gap.hpp>
#include <vmio/remote_ptr.hpp>

int main() {
    const vmio::address_range range(0x1000, 0x3000);
    const vmio::permissions perms{true, false, true, false};
    const vmio::mapping mapping{.range = range, .perms = perms, .name = "/usr/lib/one"};
    const vmio::memory_gap gap{range, vmio::gap_reason::guard_page};
    const vmio::memory_block block{0x10, 8};
    const vmio::remote_ptr<int> pointer(0x1234);
    __asm__ volatile("" : : "g"(&range), "g"(&perms), "g"(&mapping), "g"(&gap), "g"(&block), "g"(&pointer) : "memory");
    return 0;  // here
}
