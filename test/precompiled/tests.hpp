// SPDX-License-Identifier: BSL-1.0
/// What nearly every test includes, compiled once.
#ifndef VMIO_TEST_PRECOMPILED_TESTS_HPP  // compilers warn of `#pragma once` in what they compile itself
#define VMIO_TEST_PRECOMPILED_TESTS_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#endif
