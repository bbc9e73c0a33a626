// SPDX-License-Identifier: BSL-1.0
/// The version of the library that a program is compiled with.
#pragma once

/// MAJOR.MINOR.PATCH, as in meson.build.
#define VMIO_VERSION "0.1.0"
