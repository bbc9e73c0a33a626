// SPDX-License-Identifier: BSL-1.0
/// Policy for a path that exists already.
#pragma once

namespace vmio {

/// What writing a new file to a path does where that path exists. Anything but a regular file is an error with EINVAL;
/// the old file stays unchanged until the new one is complete.
enum class existing_file {
    replace,            ///< replace the file; of a symbolic link its target
    replace_no_follow,  ///< replace the file; a symbolic link is an error with EINVAL
    refuse,  ///< as replace_no_follow, and a regular file is an error with EEXIST; so is, whatever it is, one
             ///< that appears during the write
};

}  // namespace vmio
