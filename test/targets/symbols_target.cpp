// SPDX-License-Identifier: BSL-1.0
// Functions and variables to be found by name; says where they are, and waits until its input ends.
#include <cstdio>
#include <string>

#include <unistd.h>

extern "C" {
int symbols_counter = 42;
int symbols_zero[100];
__attribute__((noinline)) int symbols_function(int x) {
    __asm__ volatile("" ::: "memory");
    return x + symbols_counter;
}
}

namespace symbols_space {
__attribute__((noinline)) int overloaded(int x) {
    __asm__ volatile("" ::: "memory");
    return x;
}
__attribute__((noinline)) int overloaded(const std::string& x) {
    __asm__ volatile("" ::: "memory");
    return static_cast<int>(x.size());
}
}  // namespace symbols_space

static int symbols_local __attribute__((used)) = 7;
thread_local int symbols_of_a_thread = 1;

int main(int argc, char**) {
    std::printf("%p %p %p %p\n", reinterpret_cast<void*>(&symbols_function), static_cast<void*>(&symbols_counter),
                static_cast<void*>(symbols_zero), static_cast<void*>(&symbols_local));
    std::fflush(stdout);
    char byte;
    while (::read(STDIN_FILENO, &byte, 1) > 0) {
    }
    return symbols_space::overloaded(argc) + symbols_space::overloaded("x") + symbols_of_a_thread > 100;
}
