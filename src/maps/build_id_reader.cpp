// SPDX-License-Identifier: BSL-1.0
#include "maps/build_id_reader.hpp"

#include <algorithm>
#include <cerrno>

#include <vmio/backing_file.hpp>
#include <vmio/error.hpp>
#include <vmio/memory.hpp>
#include <vmio/page_map.hpp>
#include <vmio/query_mapping.hpp>

#include "base/system_error.hpp"
#include "maps/file_kind.hpp"
#include "proc/procmap_query.hpp"

namespace vmio::detail {
namespace {

/// The present pages of a process's memory: no read depends on a file system.
class present_memory {
public:
    explicit present_memory(const process_memory& memory) : memory_(memory), pages_(memory.target()) {}

    std::size_t read_some(address from, std::span<std::byte> to, std::error_code& ec) const noexcept {
        ec = system_error_of(EIO);
        address present = from;
        try {
            pages_.scan(address_range::of_size(from, to.size()), page_state::present, [&](const page_run& run) {
                if (run.range.start() <= from) present = std::min(run.range.end(), from + to.size());
                return false;
            });
        } catch (const std::exception&) {
            return 0;
        }
        return present == from ? 0 : memory_.read_some(from, to.first(static_cast<std::size_t>(present - from)), ec);
    }

private:
    const process_memory& memory_;
    page_map pages_;
};

}  // namespace

std::vector<std::byte> build_id_reader::read(const mapping& m) {
    std::vector<std::byte> id = by_any_means(m);
    if (!target_.alive()) throw memory_error("build_id", target_.id(), m.range.start(), system_error_of(ESRCH));
    return id;
}

std::vector<std::byte> build_id_reader::read_permitted(const mapping& m) {
    try {
        return read(m);
    } catch (const memory_error& e) {
        if (e.code() != errc::permission_denied) throw;
        return {};
    }
}

std::vector<std::byte> build_id_reader::by_any_means(const mapping& m) {
    if (!m.file_backed()) return m.name == "[vdso]" ? from_memory(m, false) : std::vector<std::byte>();
    // The kernel, too, would wait for a file system that does not respond, and hold the target's locks.
    if (file_system_of(target_, m) == file_system_kind::may_stall) return from_memory(m, true);
    if (auto id = from_kernel(m); !id.empty()) return id;
    if (const backing_file file(target_, m, {.may_stall = true}); file) return from(file, 0, elf_layout::file);
    return from_memory(m, false);
}

std::vector<std::byte> build_id_reader::from_kernel(const mapping& m) const {
    // Takes a microsecond for a regular linker's output. The kernel has no limit: a malicious file takes some tenths of
    // a second.
    constexpr std::chrono::milliseconds most_time(100);
    if (time_of_kernel_ > most_time) return {};
    std::vector<std::byte> id(64);
    procmap::query q{};
    q.query_addr = m.range.start();
    q.build_id_size = static_cast<std::uint32_t>(id.size());
    q.build_id_addr = reinterpret_cast<std::uintptr_t>(id.data());
    const auto start = std::chrono::steady_clock::now();
    const std::error_code ec = procmap::ask(target_.maps(), q);
    time_of_kernel_ += std::chrono::steady_clock::now() - start;
    if (ec || q.inode != m.inode) return {};
    id.resize(std::min<std::size_t>(q.build_id_size, id.size()));
    return id;
}

std::vector<std::byte> build_id_reader::from_memory(const mapping& m, bool only_present) {
    const std::optional<address> base = image_base(m);
    if (!base) return {};
    if (!memory_) memory_.emplace(target_);
    if (only_present) return from(present_memory(*memory_), *base, elf_layout::memory);
    return from(*memory_, *base, elf_layout::memory);
}

/// Returns: the address at which the first byte of the file of `m` is mapped: the nearest one at or below `m`.
std::optional<address> build_id_reader::image_base(const mapping& m) {
    if (m.offset == 0 || !m.file_backed()) return m.range.start();
    if (!bases_) {
        bases_.emplace();
        for (const mapping& other : memory_map::load(target_))
            if (other.file_backed() && other.offset == 0) (*bases_)[key_of(other)].push_back(other.range.start());
    }
    const auto of_file = bases_->find(key_of(m));
    if (of_file == bases_->end()) return std::nullopt;
    const auto above = std::upper_bound(of_file->second.begin(), of_file->second.end(), m.range.start());
    return above == of_file->second.begin() ? std::nullopt : std::optional(above[-1]);
}

template <class M>
std::vector<std::byte> build_id_reader::from(const M& memory, address base, elf_layout layout) {
    static_assert(memory_reader<M>);
    constexpr std::uint64_t most_for_a_file = std::uint64_t{256} << 10;
    read_budget of_file{std::min(most_for_a_file, budget_.left)};
    const std::uint64_t before = of_file.left;
    const elf_reader read = [&](std::uint64_t offset, std::span<std::byte> to) {
        if (offset > ~base || !of_file.take(to.size())) return false;
        std::error_code ec;
        for (address at = base + offset; !to.empty();) {
            const std::size_t got = memory.read_some(at, to, ec);
            if (ec) return false;
            at += got;
            to = to.subspan(got);
        }
        return true;
    };
    std::vector<std::byte> id = elf_build_id(read, layout);
    budget_.left -= before - of_file.left;
    return id;
}

}  // namespace vmio::detail
