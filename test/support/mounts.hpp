// SPDX-License-Identifier: BSL-1.0
/// File systems of one's own, which nobody else sees and which go with the process.
#pragma once

#include <filesystem>
#include <string>

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "processes/child.hpp"
#include "support/skip.hpp"

namespace test {

/// From here on what this process and its children mount is theirs alone. False: we may not.
inline bool have_own_mounts() {
    return ::unshare(CLONE_NEWNS) == 0 && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

/// Another /proc than that of the others.
inline void mount_proc(const char* options) {
    must(have_own_mounts(), "unshare");
    must(::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, options) == 0, "mount of /proc");
}

inline boost::test_tools::assertion_result can_mount(boost::unit_test::test_unit_id) {
    return unless_missing(in_a_process([] { return ::unshare(CLONE_NEWPID) == 0 && have_own_mounts() ? 0 : 1; }) == 0,
                          "root, who may make namespaces");
}

/// A mount that goes with the object.
class mounted {
public:
    mounted(const char* type, const std::filesystem::path& where, const std::string& options = "")
        : where_(where), here_(::mount(type, where.c_str(), type, 0, options.c_str()) == 0) {}
    mounted(const mounted&) = delete;
    mounted& operator=(const mounted&) = delete;
    ~mounted() {
        if (here_) ::umount2(where_.c_str(), MNT_DETACH);
    }

    explicit operator bool() const { return here_; }

private:
    std::filesystem::path where_;
    bool here_;
};

}  // namespace test
