// SPDX-License-Identifier: BSL-1.0
// A program that uses the library of symbols, as it is installed.
#include <iostream>

#include <vmio/symbols.hpp>

int main() {
    const auto found = vmio::symbols::load(vmio::process::self()).find("main");
    if (!found) return 1;
    std::cout << *found << '\n';
    return found->start == vmio::address_of(reinterpret_cast<void*>(&main)) ? 0 : 1;
}
