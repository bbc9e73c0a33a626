// SPDX-License-Identifier: BSL-1.0
/// What the shared library shows of itself.
#pragma once

#if __cplusplus < 202002L
#error "vmio needs C++20 or later: -std=c++20"
#endif

/// Marks what the shared library offers; everything else stays hidden.
#define VMIO_EXPORT __attribute__((visibility("default")))

/// Hides a class that stands inside one that is marked so.
#define VMIO_HIDDEN __attribute__((visibility("hidden")))

/// clang warns where a result with this outlives the object that it refers to.
#ifndef VMIO_LIFETIMEBOUND
#if defined(__clang__)
#define VMIO_LIFETIMEBOUND [[clang::lifetimebound]]
#else
#define VMIO_LIFETIMEBOUND
#endif
#endif
