// SPDX-License-Identifier: BSL-1.0
#include "vm_call.hpp"

#include "iovec_batch.hpp"
#include "system_error.hpp"

namespace vmio {

std::size_t transfer(vm_call call, pid_t id, address remote, std::byte* local, std::size_t size,
                     std::error_code& ec) noexcept {
    std::size_t done = 0;
    while (done < size) {
        iovec_batch batch;
        batch.add(remote + done, size - done);
        const iovec here{local + done, batch.bytes()};
        const ssize_t moved = call(id, &here, 1, batch.data(), batch.count(), 0);
        if (moved < 0) {
            if (done == 0) ec = last_system_error();
            break;
        }
        done += static_cast<std::size_t>(moved);
        const bool at_the_top = remote + done == 0;
        if (static_cast<std::size_t>(moved) < batch.bytes() || at_the_top) break;
    }
    return done;
}

}  // namespace vmio
