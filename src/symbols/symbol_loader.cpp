// SPDX-License-Identifier: BSL-1.0
#include "symbols/symbol_loader.hpp"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include <elf.h>

#include "base/system_call.hpp"
#include "symbols/debug_files.hpp"

namespace vmio::detail {
namespace {

constexpr std::size_t most_image = 1 << 20;  // bytes of a vdso, or of the headers of a file

/// The parts of a file that are executable decide where it was loaded: others may be read as data.
bool is_code_of(const mapping& m, const elf_segment& segment) noexcept {
    const std::uint64_t start = align_down(segment.offset, page_size());
    return segment.executable && m.offset >= start && m.offset - start < segment.size + (segment.offset - start);
}

}  // namespace

std::vector<std::byte> symbol_loader::read_image(const address_range& range, std::size_t most) const {
    std::vector<std::byte> bytes(static_cast<std::size_t>(std::min<std::uint64_t>(range.size(), most)));
    std::size_t done = 0;
    std::error_code ec;
    while (done < bytes.size()) {
        const std::size_t step = memory_(range.start() + done, std::span(bytes).subspan(done), ec);
        if (step == 0) break;
        done += step;
    }
    bytes.resize(done);
    return bytes;
}

std::shared_ptr<const symbol_table> symbol_loader::read_table(const elf_file& file, const std::string& name,
                                                              bool with_debug) {
    std::vector<elf_symbol> symbols;
    std::string names;
    bool whole = file.append(SHT_SYMTAB, options_.most_table_bytes, symbols, names);
    if (symbols.empty() && with_debug) {
        const file_descriptor debug = find_debug_file(file, name, options_.debug_directories);
        const elf_file more(debug.get());
        if (debug && more) whole = more.append(SHT_SYMTAB, options_.most_table_bytes, symbols, names) && whole;
    }
    whole = file.append(SHT_DYNSYM, options_.most_table_bytes, symbols, names) && whole;
    if (!whole)
        skipped.push_back(
            {name, "a table of it is larger than symbols_options::most_table_bytes, or its names overlap"});
    return std::make_shared<const symbol_table>(std::move(symbols), std::move(names));
}

void symbol_loader::place(const std::vector<const mapping*>& parts, const std::vector<elf_segment>& segments,
                          const std::shared_ptr<const symbol_table>& table) {
    std::map<std::uint64_t, loaded_symbols> by_bias;
    for (const mapping* const m : parts)
        for (const elf_segment& segment : segments) {
            if (!m->perms.execute || !is_code_of(*m, segment)) continue;
            const std::uint64_t bias = m->range.start() - m->offset + segment.offset - segment.address;
            loaded_symbols& one = by_bias[bias];
            one.bias = bias;
            break;
        }
    for (auto& [bias, one] : by_bias) {
        one.file = parts.front()->name;
        one.table = table;
        std::vector<address_range> places;
        for (const elf_segment& segment : segments) {
            const address start = align_down(segment.address + bias, page_size());
            const address end = segment.address + bias + segment.memory_size;
            if (start < end) places.emplace_back(start, next_boundary(end - 1, page_size()));
        }
        std::sort(places.begin(), places.end(),
                  [](const address_range& a, const address_range& b) { return a.start() < b.start(); });
        one.mapped = std::move(places);
        if (!one.mapped.empty()) loaded.push_back(std::move(one));
    }
}

void symbol_loader::load_file(const std::vector<const mapping*>& parts) {
    const mapping& first = *parts.front();
    const symbol_file file = open_(first);
    if (file.descriptor() < 0) {
        skipped.push_back({first.name, file.reason});
        return;
    }
    const elf_file elf(file.descriptor());
    if (!elf) {
        skipped.push_back({first.name, "it is no ELF file"});
        return;
    }
    place(parts, elf.segments(), read_table(elf, first.name, true));
}

void symbol_loader::load_image(const mapping& m) {
    std::vector<std::byte> bytes = read_image(m.range, most_image);
    const elf_file elf{std::span(bytes)};
    if (!elf) {
        skipped.push_back({m.name, "it cannot be read, or is no ELF file"});
        return;
    }
    std::uint64_t bias = m.range.start();
    for (const elf_segment& segment : elf.segments())
        if (segment.executable) bias = m.range.start() + segment.offset - segment.address;
    loaded.push_back({m.name, bias, {m.range}, read_table(elf, m.name, false)});
}

symbol_file symbol_loader::open_by_name(const memory_map& map, const mapping& m) const {
    const auto begin = std::find_if(map.begin(), map.end(),
                                    [&m](const mapping& other) { return other.name == m.name && other.offset == 0; });
    if (begin == map.end()) return {{}, {}, "the start of the file is not mapped"};
    file_descriptor file = open_regular(m.name);
    if (!file) return {{}, {}, "there is no such file here"};
    const elf_file elf(file.get());
    std::vector<std::byte> image = read_image(begin->range, most_image);
    const elf_file shown{std::span(image)};
    if (!elf) return {{}, {}, "it is no ELF file"};
    if (!shown) return {{}, {}, "the memory does not have the start of the file"};
    const std::vector<std::byte> id = shown.build_id();
    bool same = !id.empty() && id == elf.build_id();
    if (id.empty() && elf.build_id().empty()) {
        std::vector<std::byte> page(std::min(image.size(), page_size()));
        same = sys::pread(file.get(), page.data(), page.size(), 0) == static_cast<ssize_t>(page.size()) &&
               std::equal(page.begin(), page.end(), image.begin());
    }
    if (!same) return {{}, {}, "another file has its name here"};
    return {{}, std::move(file), {}};
}

void symbol_loader::load(const memory_map& map) {
    using file_key = std::tuple<std::uint32_t, std::uint32_t, std::uint64_t, std::string>;
    std::map<file_key, std::vector<const mapping*>> files;
    std::vector<const std::vector<const mapping*>*> in_order;
    for (const mapping& m : map) {
        if (options_.wanted != nullptr && !options_.wanted(m.name)) continue;
        if (m.name == "[vdso]") load_image(m);
        if (!m.name.starts_with('/') || !m.perms.execute) continue;
        std::vector<const mapping*>& parts = files[{m.device_major, m.device_minor, m.inode, m.name}];
        if (parts.empty()) in_order.push_back(&parts);
        parts.push_back(&m);
    }
    for (const auto* const parts : in_order) load_file(*parts);
    std::sort(loaded.begin(), loaded.end(), [](const loaded_symbols& a, const loaded_symbols& b) {
        return a.mapped.front().start() < b.mapped.front().start();
    });
}

}  // namespace vmio::detail
