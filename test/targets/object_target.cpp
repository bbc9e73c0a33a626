// SPDX-License-Identifier: BSL-1.0
// Says where its objects are, and waits until its input ends.
#include <cstdio>

#include <unistd.h>

#include "targets/random_objects.hpp"

int main() {
    std::vector<test::object> objects;
    objects.reserve(test::object_count);
    for (int i = 0; i < test::object_count; ++i) objects.push_back(test::random_object(static_cast<unsigned>(i)));
    std::printf("%p\n", static_cast<void*>(&objects));
    std::fflush(stdout);
    char byte;
    while (::read(STDIN_FILENO, &byte, 1) > 0) {
    }
}
