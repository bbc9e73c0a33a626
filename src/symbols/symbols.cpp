// SPDX-License-Identifier: BSL-1.0
#include <vmio/symbols.hpp>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <map>
#include <utility>

#include <cxxabi.h>

#include <vmio/error.hpp>
#include <vmio/process_memory.hpp>

#include "symbols/symbol_loader.hpp"

namespace vmio {

struct symbols::state {
    explicit state(detail::symbol_loader& loader)
        : loaded(std::move(loader.loaded)), skipped(std::move(loader.skipped)) {}

    static symbol in_target(const detail::loaded_symbols& file, const detail::elf_symbol& s) {
        return {std::string(file.table->name_of(s)), s.value + file.bias, s.size, s.kind, s.global, file.file};
    }

    std::vector<detail::loaded_symbols> loaded;
    std::vector<skipped_symbols> skipped;
};

namespace {

/// What is not a process is known by its mappings and by files that have their names here.
template <class M>
detail::symbol_loader loaded_by_name(const M& memory, const memory_map& map, const symbols_options& options) {
    detail::symbol_loader loader(
        detail::reading_from(memory), [&](const mapping& m) { return loader.open_by_name(map, m); }, options);
    loader.load(map);
    return loader;
}

/// Bounds how much longer the name gets: each reference to a former part ("S1_", "T_") may repeat all that it refers
/// to, so that in a name that is made to hurt the length doubles every few bytes.
bool is_harmless(std::string_view mangled) {
    constexpr double most_doublings = 17;  // one in some thousands of names of real libraries has more
    std::map<std::string_view, unsigned> references;
    for (std::size_t i = 0; i < mangled.size(); ++i) {
        if (mangled[i] != 'S' && mangled[i] != 'T' && mangled.substr(i, 2) != "Dp") continue;
        std::size_t end = i + 1;
        while (end < mangled.size() && std::isalnum(static_cast<unsigned char>(mangled[end])) != 0 && end - i < 8 &&
               std::islower(static_cast<unsigned char>(mangled[end])) == 0)
            ++end;
        if (mangled[i] == 'D' || (end < mangled.size() && mangled[end] == '_'))
            ++references[mangled.substr(i, end - i)];
    }
    double doublings = 0;
    for (const auto& [text, count] : references) doublings += std::log2(1 + count);
    return doublings <= most_doublings;
}

std::string demangled_name(const std::string& name) {
    constexpr std::size_t longest = 4096;  // of a damaged file, it may be any text
    if (!name.starts_with("_Z") || name.size() > longest || !is_harmless(name)) return name;
    int status = 0;
    const std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status),
                                                           &std::free);
    return status == 0 && text ? std::string(text.get()) : name;
}

/// Whether a mangled name is that of `wanted` in C++, with or without its parameters, whatever its ABI tags.
/// `budget`: bytes that may still be made of mangled names.
bool means(std::string_view mangled, std::string_view wanted, std::string_view last_part, std::size_t& budget) {
    if (budget == 0 || !mangled.starts_with("_Z") || mangled.find(last_part) == std::string_view::npos) return false;
    std::string name = demangled_name(std::string(mangled));
    budget -= std::min(budget, name.size());
    for (std::size_t tag = 0; (tag = name.find("[abi:")) != std::string::npos;)
        name.erase(tag, std::min(name.find(']', tag), name.size() - 1) + 1 - tag);
    return name == wanted || (name.starts_with(wanted) && name[wanted.size()] == '(');
}

}  // namespace

std::string demangled(const symbol& s) {
    return demangled_name(s.name);
}

std::string to_string(const symbol& s) {
    const address end = s.start + std::min(s.size, ~s.start);
    return demangled(s) + ' ' + to_string(address_range(s.start, end)) + ' ' + s.file;
}

symbols symbols::load(const process& target, const symbols_options& options) {
    const process_memory memory(target);
    const auto open = [&target](const mapping& m) {
        detail::symbol_file file;
        backing_file mapped(target, m);
        if (mapped)
            file.mapped = std::move(mapped);
        else
            file.reason = description(mapped.refusal());
        return file;
    };
    detail::symbol_loader loader(detail::reading_from(memory), open, options);
    loader.load(memory_map::load(target));
    return symbols(std::make_shared<state>(loader));
}

symbols symbols::load(const process_snapshot& captured, const symbols_options& options) {
    detail::symbol_loader loader = loaded_by_name(captured, captured.map(), options);
    return symbols(std::make_shared<state>(loader));
}

symbols symbols::load(const core_memory& core, const symbols_options& options) {
    return load(any_memory(core), options);
}

symbols symbols::load(const any_memory& memory, const symbols_options& options) {
    if (const auto* const live = memory.as<process_memory>()) return load(live->target(), options);
    detail::symbol_loader loader = loaded_by_name(memory, memory.map(), options);
    return symbols(std::make_shared<state>(loader));
}

std::optional<symbol> symbols::find(std::string_view name) const {
    std::optional<symbol> local;
    for (const detail::loaded_symbols& file : state_->loaded) {
        const detail::elf_symbol* first = nullptr;
        file.table->for_each(name, [&](const detail::elf_symbol& s) { first = first != nullptr ? first : &s; });
        if (first == nullptr) continue;
        if (first->global) return state::in_target(file, *first);
        if (!local) local = state::in_target(file, *first);
    }
    if (local) return local;
    std::vector<symbol> all = find_all(name);
    if (all.empty()) return std::nullopt;
    const auto global = std::find_if(all.begin(), all.end(), [](const symbol& s) { return s.global; });
    return std::move(global != all.end() ? *global : all.front());
}

std::vector<symbol> symbols::find_all(std::string_view name) const {
    std::vector<symbol> all;
    for (const detail::loaded_symbols& file : state_->loaded)
        file.table->for_each(name, [&](const detail::elf_symbol& s) { all.push_back(state::in_target(file, s)); });
    if (!all.empty() || name.empty() || name.starts_with("_Z")) return all;
    std::string_view last_part = name.substr(0, name.find('('));
    if (const std::size_t colons = last_part.rfind("::"); colons != std::string_view::npos)
        last_part.remove_prefix(colons + 2);
    std::size_t budget = std::size_t{1} << 26;
    for (const detail::loaded_symbols& file : state_->loaded)
        for (const detail::elf_symbol& s : file.table->all())
            if (means(file.table->name_of(s), name, last_part, budget)) all.push_back(state::in_target(file, s));
    return all;
}

std::optional<symbol> symbols::at(address a) const {
    for (const detail::loaded_symbols& file : state_->loaded) {
        if (std::none_of(file.mapped.begin(), file.mapped.end(),
                         [a](const address_range& part) { return part.contains(a); }))
            continue;
        if (const detail::elf_symbol* const s = file.table->at(a - file.bias)) return state::in_target(file, *s);
    }
    return std::nullopt;
}

std::size_t symbols::size() const noexcept {
    std::size_t count = 0;
    for (const detail::loaded_symbols& file : state_->loaded) count += file.table->size();
    return count;
}

std::span<const skipped_symbols> symbols::skipped() const noexcept {
    return state_->skipped;
}

}  // namespace vmio
