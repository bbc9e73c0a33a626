// SPDX-License-Identifier: BSL-1.0
/// Symbol visibility of the shared library.
#pragma once

#if __cplusplus < 202002L
#error "vmio needs C++20 or later: -std=c++20"
#endif

/// Exported by the shared library; other symbols are hidden.
#define VMIO_EXPORT __attribute__((visibility("default")))

/// Hidden symbol: for a class nested in an exported one.
#define VMIO_HIDDEN __attribute__((visibility("hidden")))

/// Makes clang warn where a result outlives the object that it refers to.
#ifndef VMIO_LIFETIMEBOUND
#if defined(__clang__)
#define VMIO_LIFETIMEBOUND [[clang::lifetimebound]]
#else
#define VMIO_LIFETIMEBOUND
#endif
#endif
