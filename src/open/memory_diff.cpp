// SPDX-License-Identifier: BSL-1.0
#include <vmio/memory_diff.hpp>

#include <algorithm>
#include <optional>

#include <vmio/memory_walk.hpp>

#include "capture/diff_runs.hpp"

namespace vmio {
namespace {

/// One of two memories: what of it is still to be compared, by address.
class side {
public:
    side(const any_memory& memory, std::span<const address_range> parts)
        : walk_(parts.empty() ? memory_walk(memory) : memory_walk(memory, parts)) {
        skip_to(0);
    }

    bool ended() const { return ended_; }
    address start() const { return rest_.start(); }
    address end() const { return rest_.end(); }
    bool zeros() const { return walk_.zeros(); }
    /// Returns: the bytes of `part`. Precondition: it lies in the chunk, and not zeros().
    std::span<const std::byte> bytes(const address_range& part) const {
        return walk_.bytes().subspan(static_cast<std::size_t>(part.start() - walk_.range().start()),
                                     static_cast<std::size_t>(part.size()));
    }
    /// Precondition: `a` is not above end().
    void skip_to(address a) {
        rest_ = {std::min(a, rest_.end()), rest_.end()};
        if (!rest_.empty()) return;
        ended_ = !walk_.next();
        rest_ = walk_.range();
    }

private:
    memory_walk walk_;
    address_range rest_;  // of the walk's chunk
    bool ended_ = false;
};

/// Joins differences that belong together, and reports them.
class reporter {
public:
    reporter(const std::function<bool(const memory_difference&)>& found, std::uint64_t join_within)
        : found_(found), join_within_(join_within) {}

    bool stopped() const { return stopped_; }

    /// Compares the bytes at `start`, which must not lie below those of an earlier call.
    void compare(address start, std::span<const std::byte> before, std::span<const std::byte> after) {
        detail::for_each_difference(start, before, after, [&](const address_range& run) {
            add({run, difference::bytes}, joinable_ ? join_within_ : 0);
        });
    }
    /// What lies between the last comparison and `start` cannot be compared unless they touch.
    void begin(address start, address end) {
        if (start != compared_to_) joinable_ = false;
        compared_to_ = end;
    }
    void add(const memory_difference& d, std::uint64_t join_within) {
        joinable_ = true;
        if (last_ && last_->kind == d.kind && d.range.start() - last_->range.end() <= join_within) {
            last_->range = {last_->range.start(), d.range.end()};
            return;
        }
        flush();
        last_ = d;
    }
    void flush() {
        if (last_ && !stopped_) stopped_ = !found_(*last_);
        last_.reset();
    }

private:
    const std::function<bool(const memory_difference&)>& found_;
    const std::uint64_t join_within_;
    std::optional<memory_difference> last_;
    address compared_to_ = 0;
    bool joinable_ = false;
    bool stopped_ = false;
};

/// Precondition: `part` lies in the chunks of both.
void compare(const side& before, const side& after, const address_range& part, reporter& report) {
    if (before.zeros() && after.zeros()) return;
    if (!before.zeros() && !after.zeros()) return report.compare(part.start(), before.bytes(part), after.bytes(part));
    static constexpr std::byte zeros[4096]{};
    std::span<const std::byte> bytes = (before.zeros() ? after : before).bytes(part);
    for (address at = part.start(); !bytes.empty(); at = at + sizeof zeros) {
        const auto some = bytes.first(std::min(bytes.size(), sizeof zeros));
        report.compare(at, some, std::span(zeros).first(some.size()));
        bytes = bytes.subspan(some.size());
    }
}

}  // namespace

void diff(const any_memory& before, const any_memory& after, const std::function<bool(const memory_difference&)>& found,
          const memory_diff_options& options) {
    reporter report(found, options.join_within);
    side one(before, options.parts);
    side other(after, options.parts);
    const auto only_in = [&](side& here, const side& there, difference kind) {
        const address end = there.ended() ? here.end() : std::min(here.end(), there.start());
        report.add({{here.start(), end}, kind}, 0);
        here.skip_to(end);
    };
    while (!report.stopped() && !(one.ended() && other.ended())) {
        if (other.ended() || (!one.ended() && one.start() < other.start())) {
            only_in(one, other, difference::only_before);
        } else if (one.ended() || other.start() < one.start()) {
            only_in(other, one, difference::only_after);
        } else {
            const address_range part(one.start(), std::min(one.end(), other.end()));
            report.begin(part.start(), part.end());
            compare(one, other, part, report);
            one.skip_to(part.end());
            other.skip_to(part.end());
        }
    }
    report.flush();
}

std::string to_string(const memory_difference& d) {
    const char* const kind = d.kind == difference::bytes         ? "bytes"
                             : d.kind == difference::only_before ? "only before"
                                                                 : "only after";
    return to_string(d.range) + ": " + kind;
}

}  // namespace vmio
