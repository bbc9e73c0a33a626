// SPDX-License-Identifier: BSL-1.0
/// What breakpoint waits for: for each line of its input, "COUNT WORD", it calls weigh() so many times, in a thread
/// each, and once more in a fork, and prints the sum and what the fork found. With
/// one argument it weighs that first; with more it becomes that program. It knows nothing of vmio.
#include <atomic>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

extern "C" __attribute__((noinline)) long weigh(long each, const char* word) {
    long sum = 0;
    for (; *word != '\0'; ++word) sum += each * *word;
    __asm__ volatile("" ::: "memory");
    return sum;
}

int main(int argc, char** argv) {
    if (argc > 2) ::execv(argv[1], argv + 1);
    if (argc > 1) std::cout << "weighs " << weigh(2, argv[1]) << std::endl;
    long count = 0;
    for (std::string word; std::cin >> count >> word;) {
        std::atomic<long> sum = 0;
        const pid_t fork = ::fork();
        if (fork == 0) ::_exit(static_cast<int>(weigh(1, word.c_str()) % 100));
        std::vector<std::thread> threads;
        for (long i = 0; i < count; ++i) threads.emplace_back([&, i] { sum += weigh(i, word.c_str()); });
        for (std::thread& t : threads) t.join();
        int status = 0;
        ::waitpid(fork, &status, 0);
        std::cout << sum << ' ' << (WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status)) << std::endl;
    }
}
