// SPDX-License-Identifier: BSL-1.0
/// The target of poke: prints its process id and the addresses of its greeting and its counter, then both every half
/// second until its output is closed. It does not use vmio.
#include <chrono>
#include <cstdint>
#include <iostream>
#include <thread>

#include <unistd.h>

namespace {
volatile char greeting[64] = "Hello, I am the target.\n";
volatile long counter = 0;
}  // namespace

int main() {
    std::cout << ::getpid() << std::hex << " 0x" << reinterpret_cast<std::uintptr_t>(greeting) << " 0x"
              << reinterpret_cast<std::uintptr_t>(&counter) << std::dec << std::endl;
    for (;;) {
        std::cout << counter << ' ';
        for (const volatile char* c = greeting; *c != '\0'; ++c) std::cout << *c;
        std::cout << std::flush;
        counter = counter + 1;
        std::this_thread::sleep_for(std::chrono::milliseconds(500));
    }
}
