// SPDX-License-Identifier: BSL-1.0
/// What poke pokes at: says who it is and where its greeting and its counter are, then prints both every half second
/// until nobody listens. It knows nothing of vmio.
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
    std::cout << ::getpid() << ' ' << reinterpret_cast<std::uintptr_t>(greeting) << ' '
              << reinterpret_cast<std::uintptr_t>(&counter) << std::endl;
    for (;;) {
        std::cout << counter << ' ';
        for (const volatile char* c = greeting; *c != '\0'; ++c) std::cout << *c;
        std::cout << std::flush;
        counter = counter + 1;
        std::this_thread::sleep_for(std::chrono::milliseconds(500));
    }
}
