// SPDX-License-Identifier: BSL-1.0
/// Replaces itself by itself without end, with threads that die of it each time.
#include <thread>

#include <unistd.h>

int main() {
    for (int i = 0; i < 3; ++i)
        std::thread([] {
            for (;;) std::this_thread::yield();
        }).detach();
    ::execl("/proc/self/exe", "exec_loop", nullptr);
    return 1;
}
