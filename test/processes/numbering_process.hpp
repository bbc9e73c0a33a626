// SPDX-License-Identifier: BSL-1.0
/// A process whose memory tells whether all of it was read at one moment.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <span>
#include <thread>
#include <vector>

#include <vmio/process_memory.hpp>

#include "processes/child.hpp"
#include "support/mapped.hpp"

namespace test {

/// Threads that each give their own words, one a page, the next number in order, and rest a little.
class numbering_process {
public:
    numbering_process(std::size_t writers, std::size_t words_each)
        : words_each_(words_each), area_(writers * words_each), child_([this, writers] {
              for (std::size_t w = 0; w < writers; ++w) std::thread([this, w] { number(w); }).detach();
          }) {}

    pid_t id() const { return child_.id(); }
    const mapped& area() const { return area_; }

    /// One block for each word of the first `writers`.
    std::vector<vmio::remote_block> blocks(std::vector<unsigned long>& to, std::size_t writers) const {
        to.resize(writers * words_each_);
        std::vector<vmio::remote_block> all;
        for (std::size_t i = 0; i < to.size(); ++i)
            all.push_back({area_.page(i), std::as_writable_bytes(std::span(&to[i], 1))});
        return all;
    }

    /// Whether no writer was anywhere but between two of its words.
    bool is_one_moment(const std::vector<unsigned long>& words) const {
        for (std::size_t first = 0; first < words.size(); first += words_each_) {
            const auto own = std::span(words).subspan(first, words_each_);
            if (!std::is_sorted(own.rbegin(), own.rend()) || own.front() - own.back() > 1) return false;
        }
        return true;
    }

private:
    [[noreturn]] void number(std::size_t writer) const {
        for (unsigned long n = 1;; ++n) {
            for (std::size_t i = 0; i < words_each_; ++i)
                reinterpret_cast<std::atomic<unsigned long>*>(area_.data(writer * words_each_ + i))->store(n);
            std::this_thread::sleep_for(std::chrono::microseconds(20));
        }
    }

    std::size_t words_each_;
    mapped area_;
    child_process child_;
};

}  // namespace test
