// SPDX-License-Identifier: BSL-1.0
#include <vmio/file_offset.hpp>

#include <algorithm>
#include <map>
#include <stdexcept>
#include <tuple>

#include "maps/build_id_reader.hpp"
#include "maps/query_mapping.hpp"

namespace vmio {
namespace {

/// The files seen so far.
class file_table {
public:
    explicit file_table(const process& target, std::vector<mapped_file>& files) : build_ids_(target), files_(files) {}

    std::size_t index_of(const mapping& m) {
        const auto [known, added] =
            known_.try_emplace({m.device_major, m.device_minor, m.inode, m.name}, files_.size());
        if (!added) return known->second;
        files_.push_back({m.name, m.deleted, m.device_major, m.device_minor, m.inode, build_ids_.read_permitted(m)});
        return known->second;
    }

private:
    using key = std::tuple<std::uint32_t, std::uint32_t, std::uint64_t, std::string>;

    detail::build_id_reader build_ids_;
    std::vector<mapped_file>& files_;
    std::map<key, std::size_t> known_;
};

}  // namespace

file_offsets file_offset(const process& target, std::span<const address> addresses) {
    if (!std::is_sorted(addresses.begin(), addresses.end()))
        throw std::invalid_argument("vmio::file_offset: the addresses are not sorted");
    file_offsets result;
    result.locations.reserve(addresses.size());
    file_table files(target, result.files);
    if (addresses.empty()) return result;
    std::optional<memory_map> list;
    std::optional<mapping> m;  // the mapping that covers the address, or the next one above it
    bool any_left = true;
    std::optional<std::size_t> file;
    for (const address where : addresses) {
        if (any_left && (!m || where >= m->range.end())) {
            m = detail::query_mapping(target, where, list);
            any_left = m.has_value();
            file.reset();
        }
        file_location location{where, std::nullopt, 0};
        if (any_left && m->range.contains(where) && !m->name.empty()) {
            if (!file) file = files.index_of(*m);
            location.file = file;
            location.offset = where - m->range.start() + (m->file_backed() ? m->offset : 0);
        }
        result.locations.push_back(location);
    }
    return result;
}

}  // namespace vmio
