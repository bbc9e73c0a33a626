// SPDX-License-Identifier: BSL-1.0
/// Replaces itself by itself without end, with threads that die of it each time. With the argument "thread" it is one
/// of these that calls exec: until the others are dead the process's id is that of a dead one.
#include <cstring>
#include <thread>

#include <unistd.h>

int main(int count, char** arguments) {
    const auto replace = [=] { return ::execv("/proc/self/exe", arguments); };
    const auto yield = [] {
        for (;;) std::this_thread::yield();
    };
    for (int i = 0; i < 3; ++i) std::thread(yield).detach();
    if (count < 2 || std::strcmp(arguments[1], "thread") != 0) return replace();
    std::thread(replace).detach();
    yield();
}
