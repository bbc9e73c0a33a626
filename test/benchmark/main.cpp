// SPDX-License-Identifier: BSL-1.0
#include <benchmark/benchmark.h>

#include "target.hpp"

int main(int argc, char** argv) {
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    bench::the_target();  // before any thread, since it forks
    benchmark::RunSpecifiedBenchmarks();
}
