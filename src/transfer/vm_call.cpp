// SPDX-License-Identifier: BSL-1.0
#include "transfer/vm_call.hpp"

#include <algorithm>
#include <array>

#include "base/worker_thread.hpp"

#include <unistd.h>

namespace vmio::detail {

namespace {

std::size_t one_after_the_other(vm_call call, pid_t id, address remote, std::byte* local, std::size_t size,
                                std::error_code& ec) noexcept {
    const std::size_t run = iovec_batch::run_for(size);
    std::size_t done = 0;
    while (done < size) {
        iovec_batch batch(run);
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

struct share {
    std::size_t offset = 0;
    std::size_t size = 0;
    std::size_t done = 0;
    std::error_code error;
    worker_thread worker;
};

}  // namespace

std::error_code refusal_of(vm_call call) noexcept {
    std::byte from{};
    std::byte to{};
    const iovec here{&to, 1};
    const iovec there{&from, 1};
    return call(::getpid(), &here, 1, &there, 1, 0) == 1 ? std::error_code() : last_system_error();
}

std::size_t transfer_in_batches(vm_call call, pid_t id, address remote, std::byte* local, std::size_t size,
                                unsigned threads, std::error_code& ec) noexcept {
    constexpr std::size_t worth_sharing = std::size_t{16} << 20;
    constexpr unsigned most_threads = 16;
    threads = std::min(threads, most_threads);
    if (threads < 2 || size < worth_sharing || size - 1 > ~remote)
        return one_after_the_other(call, id, remote, local, size, ec);

    std::array<share, most_threads> shares;
    // Shares are whole runs; at most one per thread.
    const std::size_t runs = (size - 1) / iovec_batch::default_run + 1;
    const std::size_t each = ((runs - 1) / threads + 1) * iovec_batch::default_run;
    std::size_t count = 0;
    for (std::size_t offset = 0; offset < size; offset += each, ++count) {
        shares[count].offset = offset;
        shares[count].size = std::min(each, size - offset);
    }
    const auto move = [&](share& s) {
        s.done = one_after_the_other(call, id, remote + s.offset, local + s.offset, s.size, s.error);
    };
    for (std::size_t i = 1; i < count; ++i)  // a share without a thread is transferred below
        run_in(shares[i].worker, [&move, &s = shares[i]] { move(s); });
    move(shares[0]);
    for (std::size_t i = 1; i < count; ++i) {
        if (shares[i].worker.joinable())
            shares[i].worker.join();
        else
            move(shares[i]);
    }
    std::size_t done = 0;
    for (std::size_t i = 0; i < count; ++i) {
        done += shares[i].done;
        if (shares[i].done < shares[i].size) break;
    }
    if (done == 0) ec = shares[0].error;
    return done;
}

}  // namespace vmio::detail
