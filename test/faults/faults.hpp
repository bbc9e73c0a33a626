// SPDX-License-Identifier: BSL-1.0
/// Calls that fail when a test wants them to, and what is held before and after.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iosfwd>

#include "support/resources.hpp"
#include "support/sanitized.hpp"

namespace test {

/// What is refused. All but allocations are refused by the kernel: a seccomp filter asks us at each of these calls.
enum class fault {
    allocation,  ///< operator new: std::bad_alloc
    descriptor,  ///< whatever opens a descriptor: EMFILE
    memory,      ///< what maps memory or makes threads: ENOMEM, EAGAIN; not where a sanitizer does so
    storage,     ///< what writes to files: ENOSPC
};

/// One of the calls fails, or that one and all after it.
enum class fault_length { once, lasting };

/// Makes this process, which must have no other thread, one whose calls can be refused. It cannot be taken back.
void prepare_faults(fault kind);

/// Call number `k`, counted from 0, will fail among those of all threads under with_faults().
void set_fault(std::size_t k, fault_length length);

/// Whether it has been reached.
bool fault_happened();

/// While one exists, calls are counted and fail.
class faults_armed {
public:
    faults_armed();
    ~faults_armed();
    faults_armed(const faults_armed&) = delete;
    faults_armed& operator=(const faults_armed&) = delete;
};

template <class F>
decltype(auto) with_faults(F&& f) {
    const faults_armed now;
    return f();
}

/// All that this process could leak: compare two.
struct holdings {
    resources common;
    long allocations = 0;       // operator new, not yet deleted
    std::uint64_t mapped = 0;   // bytes, but for the stack and what malloc has; 0 under a sanitizer
    std::size_t threads = 0;    // all that the kernel still lists
    std::size_t processes = 0;  // children, zombies too

    static holdings now();
    friend bool operator==(const holdings& a, const holdings& b) = default;
    friend std::ostream& operator<<(std::ostream& to, const holdings& h);
};

}  // namespace test
