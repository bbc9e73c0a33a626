// SPDX-License-Identifier: BSL-1.0
/// Nested objects of every kind that read_object() reads, made by chance: the same from a seed, whatever the library.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <forward_list>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace test {

class chance {
public:
    explicit chance(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15 + 1) {}
    std::uint64_t below(std::uint64_t limit) {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return (state_ * 0x2545f4914f6cdd1d >> 32) % limit;
    }

private:
    std::uint64_t state_;
};

struct leaf {
    char letter = 0;
    std::string text;
    std::optional<short> number;
    bool operator==(const leaf&) const = default;
};

/// 3 bytes, so that places behind it are not aligned by chance.
struct colour {
    unsigned char parts[3]{};
    auto operator<=>(const colour&) const = default;
};

struct branch {
    std::int32_t number = 0;
    std::unique_ptr<branch> next;
    std::vector<leaf> leaves;
    bool operator==(const branch& other) const {
        return number == other.number && leaves == other.leaves && (next == nullptr) == (other.next == nullptr) &&
               (next == nullptr || *next == *other.next);
    }
};

struct object {
    bool flag = false;
    std::string text;
    std::u16string wide;
    double number = 0;
    std::array<std::string, 2> two;
    int three[3]{};
    std::optional<leaf> perhaps;
    std::vector<bool> bits;
    std::vector<std::vector<std::uint16_t>> rows;
    std::deque<colour> colours;
    std::deque<std::string> queue;
    std::list<leaf> leaves;
    std::forward_list<char> letters;
    std::set<colour> few;
    std::multiset<std::string> words;
    std::map<std::string, std::vector<int>> lists;
    std::map<char, std::optional<std::string>> named;
    std::multimap<short, double> pairs;
    std::unordered_map<std::string, leaf> found;
    std::unordered_set<std::int64_t> numbers;
    std::unordered_multimap<char, colour> shades;
    std::pair<char, std::string> pair;
    std::tuple<char, std::string, std::int16_t, colour> tuple;
    branch tree;

    bool operator==(const object& o) const {
        return flag == o.flag && text == o.text && wide == o.wide && number == o.number && two == o.two &&
               three[0] == o.three[0] && three[2] == o.three[2] && perhaps == o.perhaps && bits == o.bits &&
               rows == o.rows && colours == o.colours && queue == o.queue && leaves == o.leaves &&
               letters == o.letters && few == o.few && words == o.words && lists == o.lists && named == o.named &&
               pairs == o.pairs && found == o.found && numbers == o.numbers && shades == o.shades && pair == o.pair &&
               tuple == o.tuple && tree == o.tree;
    }
};

inline std::string random_text(chance& c) {
    static const std::uint64_t most[]{1, 10, 18, 30, 200};  // on both sides of what fits into a string itself
    std::string text(c.below(most[c.below(5)]), ' ');
    for (char& letter : text) letter = static_cast<char>(c.below(256));
    return text;
}

inline std::size_t random_size(chance& c) {
    return c.below(c.below(20) == 0 ? 60 : 5);
}

inline leaf random_leaf(chance& c) {
    leaf l;
    l.letter = static_cast<char>(c.below(256));
    l.text = random_text(c);
    if (c.below(2)) l.number = static_cast<short>(c.below(65536));
    return l;
}

inline colour random_colour(chance& c) {
    colour made;
    for (unsigned char& part : made.parts) part = static_cast<unsigned char>(c.below(4));
    return made;
}

inline void fill(branch& b, chance& c) {
    for (branch* last = &b;;) {
        last->number = static_cast<std::int32_t>(c.below(1000));
        for (std::size_t n = c.below(3); n > 0; --n) last->leaves.push_back(random_leaf(c));
        if (c.below(3) == 0) return;
        last->next = std::make_unique<branch>();
        last = last->next.get();
    }
}

/// No call has two arguments that are made by chance: compilers evaluate them in different orders.
inline object random_object(std::uint64_t seed) {
    chance c(seed);
    object o;
    const auto times = [&c](auto f) {
        for (std::size_t n = random_size(c); n > 0; --n) f();
    };
    o.flag = c.below(2) != 0;
    o.text = random_text(c);
    times([&] { o.wide.push_back(static_cast<char16_t>(c.below(65536))); });
    o.number = static_cast<double>(c.below(1000)) / 8;
    for (std::string& s : o.two) s = random_text(c);
    for (int& i : o.three) i = static_cast<int>(c.below(100));
    if (c.below(2)) o.perhaps = random_leaf(c);
    times([&] {
        const std::size_t more = c.below(70);
        o.bits.resize(o.bits.size() + more, c.below(2) != 0);
    });
    times([&] {
        o.rows.emplace_back();
        times([&] { o.rows.back().push_back(static_cast<std::uint16_t>(c.below(65536))); });
    });
    times([&] { o.colours.push_front(random_colour(c)); });
    if (c.below(10) == 0)
        for (int i = 0; i < 3000; ++i) o.colours.push_back(random_colour(c));
    times([&] { o.queue.push_back(random_text(c)); });
    times([&] { o.queue.push_front(random_text(c)); });
    times([&] { o.leaves.push_back(random_leaf(c)); });
    times([&] { o.letters.push_front(static_cast<char>(c.below(256))); });
    times([&] { o.few.insert(random_colour(c)); });
    times([&] { o.words.insert(random_text(c)); });
    times([&] {
        std::vector<int>& list = o.lists[random_text(c)];
        times([&] { list.push_back(static_cast<int>(c.below(100))); });
    });
    times([&] {
        std::optional<std::string>& value = o.named[static_cast<char>(c.below(256))];
        if (c.below(2)) value = random_text(c);
    });
    times([&] {
        const auto key = static_cast<short>(c.below(5));
        o.pairs.emplace(key, static_cast<double>(c.below(100)));
    });
    times([&] {
        leaf& value = o.found[random_text(c)];
        value = random_leaf(c);
    });
    times([&] { o.numbers.insert(static_cast<std::int64_t>(c.below(1000))); });
    times([&] {
        const auto key = static_cast<char>(c.below(4));
        o.shades.emplace(key, random_colour(c));
    });
    o.pair.first = static_cast<char>(c.below(256));
    o.pair.second = random_text(c);
    std::get<0>(o.tuple) = static_cast<char>(c.below(256));
    std::get<1>(o.tuple) = random_text(c);
    std::get<2>(o.tuple) = static_cast<std::int16_t>(c.below(1000));
    std::get<3>(o.tuple) = random_colour(c);
    fill(o.tree, c);
    return o;
}

/// What a target of objects says of each of these.
inline constexpr int object_count = 10000;

}  // namespace test
