// SPDX-License-Identifier: BSL-1.0
/// Operations that fail at each place where they can.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include <vmio/process.hpp>
#include <vmio/process_memory.hpp>

#include "faults/faults.hpp"
#include "processes/child.hpp"
#include "support/mapped.hpp"
#include "support/pages.hpp"
#include "support/scratch.hpp"

namespace test {

/// Memory that a child of this process will have too.
struct fault_memory {
    pages constant{8};     ///< that nobody writes to
    pages written{2};      ///< that may be written to
    unnamed_file file{4};  ///< of which all is mapped:
    mapped file_bytes{4, MAP_PRIVATE, file.get()};
    mapped large{4 << 10};  ///< worth more than one thread; all zeros but for a text at its end

    static constexpr const char* text = "a text to be found once";
    vmio::address where_text_is() const { return large.start() + large.size() - 100; }

    fault_memory();
};

/// What the operations work on.
struct fault_scene : fault_memory {
    child_process child;
    scratch_directory directory;
    std::string saved = directory / "saved";  ///< a file that is there already
    scratch_directory other;                  ///< for an operation's own use

    static constexpr const char* old_content = "what was there before";

    vmio::process target() const { return vmio::process(child.id()); }
    vmio::process_memory memory() const { return vmio::process_memory(target()); }
};

/// The operation returned, and what it returned is not what it should be.
struct wrong_result : std::logic_error {
    using std::logic_error::logic_error;
};

inline void expect(bool holds, const char* what) {
    if (!holds) throw wrong_result(what);
}

/// How an operation that did not throw has ended.
enum class outcome {
    done,  ///< with the right result
    told,  ///< without, and it said so by an error_code or the state of a stream
};

/// An error_code form has said so.
inline outcome told_by(const std::error_code& ec) {
    expect(bool(ec), "nothing, and no error");
    return outcome::told;
}

struct fault_operation {
    const char* name;
    /// Does it, under with_faults(), and checks what came of it.
    outcome (*run)(const fault_scene&);
    /// What the process is to be like, and stays.
    void (*prepare)() = [] {};
};

/// For fault_operation::prepare: asking the kernel by ioctl(2) is not to be had.
void without_queries();

/// What a test defines, and what its cases (in fault_trials.cpp, one for each kind of fault) are about: each operation
/// in a process of its own, with a fault at every place where there can be one, and then once more without: an error of
/// a documented kind, or the right result; nothing that stays behind; the next try succeeds. With VMIO_TEST_OPERATION
/// in the environment only those whose names begin so.
extern const std::vector<fault_operation> fault_operations;

}  // namespace test
