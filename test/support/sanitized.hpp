// SPDX-License-Identifier: BSL-1.0
/// VMIO_TEST_SANITIZED: a sanitizer has reserved terabytes of this program, and maps memory of its own.
/// VMIO_TEST_ADDRESS_SANITIZED: it is address sanitizer.
#pragma once

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define VMIO_TEST_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define VMIO_TEST_SANITIZED 1
#endif
#endif

#if defined(__SANITIZE_ADDRESS__)
#define VMIO_TEST_ADDRESS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define VMIO_TEST_ADDRESS_SANITIZED 1
#endif
#endif
