// SPDX-License-Identifier: BSL-1.0
#include <vmio/read_object.hpp>

#include <cerrno>
#include <cstring>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <vmio/any_memory.hpp>
#include <vmio/cached_memory.hpp>
#include <vmio/process_memory.hpp>
#include <vmio/process_snapshot.hpp>
#include <vmio/remote_ptr.hpp>

#include "processes/child.hpp"
#include "support/error_of.hpp"
#include "support/pages.hpp"
#include "targets/random_objects.hpp"

using test::error_of;
using vmio::address_of;
using vmio::object_limits;
using vmio::process_memory;
using vmio::read_object;

namespace {

struct account {
    std::string name;
    std::map<std::string, double> limits;
    vmio::remote_ptr<account> parent;
    std::optional<std::vector<std::string>> notes;
    bool operator==(const account&) const = default;
};

/// The words of this process that an object is made of, to be changed.
template <class T>
std::uintptr_t& word_of(T& object, std::size_t i) {
    return reinterpret_cast<std::uintptr_t*>(&object)[i];
}

/// Bytes in place of an object that would not live long with them.
template <class T>
struct words_of {
    alignas(T) std::uintptr_t words[sizeof(T) / sizeof(std::uintptr_t)]{};
    vmio::address start() const { return address_of(words); }
    explicit words_of(const T& like) { std::memcpy(words, static_cast<const void*>(&like), sizeof words); }
};

template <class T>
std::string complaint(vmio::address at, object_limits limits = {}) {
    try {
        read_object<T>(process_memory(::getpid()), at, limits);
    } catch (const vmio::memory_error& e) {
        BOOST_TEST(e.process_id() == ::getpid());
        return e.what();
    }
    return "";
}

bool has(const std::string& text, std::string_view part) {
    if (text.find(part) != std::string::npos) return true;
    BOOST_TEST_MESSAGE(text);
    return false;
}

/// Counts the calls and the bytes of a memory.
struct counted {
    process_memory memory;
    std::size_t* calls;
    std::size_t* most;

    std::size_t read_some(vmio::address at, std::span<std::byte> to, std::error_code& ec) const noexcept {
        ++*calls;
        *most = std::max(*most, to.size());
        return memory.read_some(at, to, ec);
    }
    void read_blocks(std::span<const vmio::remote_block> blocks, std::span<vmio::block_transfer> results) const {
        ++*calls;
        memory.read_blocks(blocks, results);
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(read_object_)

BOOST_AUTO_TEST_CASE(a_struct_of_containers_is_read_from_any_memory) {
    std::vector<account> accounts(3);
    accounts[0] = {"a name that is too long for the string itself", {{"day", 5}, {"month", 100}}, {}, {}};
    accounts[1] = {"short", {}, vmio::remote_ptr<account>(&accounts[0]), {{"first", ""}}};
    test::on_self_and_child([&](pid_t id) {
        const process_memory memory(id);
        const vmio::address at = address_of(&accounts);
        BOOST_TEST((read_object<std::vector<account>>(memory, at) == accounts));
        BOOST_TEST((read_object<std::vector<account>>(vmio::any_memory(memory), at) == accounts));
        BOOST_TEST((read_object<std::vector<account>>(vmio::cached_memory(memory), at) == accounts));
        BOOST_TEST((read_object<account>(memory, address_of(&accounts[1])) == accounts[1]));
        BOOST_TEST(read_object<double>(memory, address_of(&accounts[0].limits.at("day"))) == 5);
    });
    const test::child_process child;
    const auto captured = vmio::process_snapshot::capture(vmio::process(child.id()));
    BOOST_TEST((read_object<std::vector<account>>(captured, address_of(&accounts)) == accounts));
}

BOOST_AUTO_TEST_CASE(views_are_read_as_what_they_refer_to) {
    const std::string long_text(100, 'x');
    const std::string_view view(long_text);
    const int numbers[]{1, 2, 3};
    const std::span<const int> span(numbers);
    const std::map<std::string_view, std::optional<std::string_view>> map{{"a", "b"}, {"c", {}}};
    const std::unordered_map<std::string_view, int> hashed{{"one", 1}};
    const process_memory memory(::getpid());
    BOOST_TEST(read_object<std::string_view>(memory, address_of(&view)) == long_text);
    BOOST_TEST((read_object<std::span<const int>>(memory, address_of(&span)) == std::vector{1, 2, 3}));
    const auto copy =
        read_object<std::map<std::string_view, std::optional<std::string_view>>>(memory, address_of(&map));
    static_assert(std::is_same_v<decltype(copy), const std::map<std::string, std::optional<std::string>, std::less<>>>);
    BOOST_TEST_REQUIRE(copy.size() == 2u);
    BOOST_TEST((copy.find("a")->second == "b" && !copy.find("c")->second));
    const auto table = read_object<std::unordered_map<std::string_view, int>>(memory, address_of(&hashed));
    BOOST_TEST(table.at("one") == 1);
}

BOOST_AUTO_TEST_CASE(a_vector_of_a_thousand_strings_costs_few_calls) {
    std::vector<std::string> strings;
    for (int i = 0; i < 1000; ++i) strings.emplace_back(static_cast<std::size_t>(i), static_cast<char>(i));
    std::size_t calls = 0;
    std::size_t most = 0;
    const counted memory{process_memory(::getpid()), &calls, &most};
    BOOST_TEST((read_object<std::vector<std::string>>(memory, address_of(&strings)) == strings));
    BOOST_TEST(calls <= 15u);  // since what is not known to be there is believed step by step
}

BOOST_AUTO_TEST_CASE(what_is_no_such_object_is_said_with_its_reason) {
    const std::string text("text");
    words_of<std::string> string(text);
    string.words[0] = address_of(text.data());
    string.words[1] = 1000;
    string.words[2] = 10;
    BOOST_TEST(has(complaint<std::string>(string.start()), "not a std::string: its size is 1000, its capacity 10"));
    string.words[0] = string.start() + 16;
    string.words[1] = 16;
    BOOST_TEST(has(complaint<std::string>(string.start()), "not a std::string: its size is 16, its capacity 15"));

    string.words[0] = string.start() + 8;  // not to the characters of its own, and yet into itself
    string.words[1] = string.words[2] = std::uintptr_t{1} << 60;
    BOOST_TEST(has(complaint<std::string>(string.start()), "object_limits::elements"));

    words_of<std::vector<int>> vector({});
    vector.words[0] = 0x1000;
    BOOST_TEST(has(complaint<std::vector<int>>(vector.start()), "not a std::vector"));
    vector.words[0] = 0;
    vector.words[1] = vector.words[2] = 7;
    BOOST_TEST(has(complaint<std::vector<int>>(vector.start()), "multiple of its elements', 4"));

    const unsigned char two = 2;
    BOOST_TEST(has(complaint<bool>(address_of(&two)), "not a bool: it is 2"));
    struct {
        int value = 0;
        int mark = 7;
    } optional;
    BOOST_TEST(has(complaint<std::optional<int>>(address_of(&optional)), "not a std::optional"));
    const auto e = error_of([&] { read_object<bool>(process_memory(::getpid()), address_of(&two)); });
    BOOST_TEST(e == EBADMSG);
}

BOOST_AUTO_TEST_CASE(containers_whose_size_is_wrong_are_refused) {
    const std::map<int, int> map{{1, 1}, {2, 2}, {3, 3}};
    const std::list<int> list{1, 2, 3};
    const std::unordered_map<int, int> hashed{{1, 1}, {2, 2}, {3, 3}};
    // A copy of a list or a map has another address than the one to which its nodes lead back.
    words_of<std::list<int>> other_list(list);
    BOOST_TEST(has(complaint<std::list<int>>(other_list.start()), "not a std::list"));
    words_of<std::map<int, int>> other_map(map);
    BOOST_TEST(has(complaint<std::map<int, int>>(other_map.start()), "not a std::map"));
    words_of<std::unordered_map<int, int>> table(hashed);
    for (const std::uintptr_t size : {0, 2, 4}) {
        table.words[3] = size;
        BOOST_TEST(has(complaint<std::unordered_map<int, int>>(table.start()), "its nodes are"));
    }
}

BOOST_AUTO_TEST_CASE(a_circle_is_noticed) {
    struct link {
        link* next;
        int value;
    };
    link second{nullptr, 2};
    link first{&second, 1};
    second.next = &first;
    link* head = &first;
    BOOST_TEST(has(complaint<std::forward_list<int>>(address_of(&head)), "circle"));

    test::branch* ring[2]{nullptr, nullptr};  // as two branches: each owns the other
    words_of<test::branch> a{test::branch()};
    words_of<test::branch> b{test::branch()};
    a.words[1] = b.start();
    b.words[1] = a.start();
    ring[0] = reinterpret_cast<test::branch*>(a.words);
    BOOST_TEST(has(complaint<std::unique_ptr<test::branch>>(address_of(&ring[0])), "owns"));
}

BOOST_AUTO_TEST_CASE(limits_are_kept) {
    const std::vector<int> numbers(1000);
    const vmio::address at = address_of(&numbers);
    BOOST_TEST(complaint<std::vector<int>>(at, {.elements = 1000}) == "");
    BOOST_TEST(has(complaint<std::vector<int>>(at, {.elements = 999}), "object_limits::elements"));
    BOOST_TEST(complaint<std::vector<int>>(at, {.bytes = 4024}) == "");
    BOOST_TEST(has(complaint<std::vector<int>>(at, {.bytes = 4023}), "object_limits::bytes"));
    const process_memory memory(::getpid());
    BOOST_TEST(error_of([&] { read_object<std::vector<int>>(memory, at, {.elements = 1}); }) == EMSGSIZE);

    test::branch chain;
    test::branch* last = &chain;
    for (int i = 0; i < 100; ++i) {
        last->next = std::make_unique<test::branch>();
        last = last->next.get();
    }
    BOOST_TEST(complaint<test::branch>(address_of(&chain), {.depth = 100}) == "");
    BOOST_TEST(has(complaint<test::branch>(address_of(&chain), {.depth = 99}), "object_limits::depth"));
}

BOOST_AUTO_TEST_CASE(a_size_that_is_not_true_takes_no_memory) {
    const test::pages some(3);
    std::size_t calls = 0;
    std::size_t most = 0;
    const counted memory{process_memory(::getpid()), &calls, &most};
    words_of<std::vector<int>> vector({});
    vector.words[0] = some.start();
    vector.words[1] = vector.words[2] = some.start() + (std::uintptr_t{1} << 25);
    BOOST_TEST(error_of([&] { read_object<std::vector<int>>(memory, vector.start()); }) == EFAULT);
    BOOST_TEST(most <= 2 * 65536u);
    vector.words[1] = vector.words[2] = some.start() + (std::uintptr_t{1} << 24);
    BOOST_TEST(error_of([&] { read_object<std::vector<bool>>(memory, vector.start()); }) != 0);
    BOOST_TEST(error_of([&] { read_object<std::vector<std::string>>(memory, vector.start()); }) == EFAULT);
    BOOST_TEST(most <= 2 * 65536u);
}

BOOST_AUTO_TEST_CASE(memory_that_cannot_be_read_is_named) {
    const test::pages page(1);
    words_of<std::vector<int>> vector({});
    vector.words[0] = page.start();
    vector.words[1] = vector.words[2] = page.range().end() + 4;
    try {
        read_object<std::vector<int>>(process_memory(::getpid()), vector.start());
        BOOST_ERROR("it was read");
    } catch (const vmio::memory_error& e) {
        BOOST_TEST(e.code().value() == EFAULT);
        BOOST_TEST(e.where() == page.range().end());
    }
    vector.words[0] = ~std::uintptr_t{0} - 7;
    vector.words[1] = vector.words[2] = ~std::uintptr_t{0} - 3;
    BOOST_TEST(error_of([&] { read_object<std::vector<int>>(process_memory(::getpid()), vector.start()); }) == EFAULT);
}

BOOST_AUTO_TEST_CASE(of_other_words_or_byte_orders_only_plain_values_are_read) {
    struct foreign {
        unsigned words;
        std::endian order;
        unsigned word_size() const noexcept { return words; }
        std::endian byte_order() const noexcept { return order; }
        std::size_t read_some(vmio::address, std::span<std::byte> to, std::error_code&) const noexcept {
            std::memset(to.data(), 0, to.size());
            return to.size();
        }
    };
    const auto other = std::endian::native == std::endian::little ? std::endian::big : std::endian::little;
    for (const foreign& memory : {foreign{4, std::endian::native}, foreign{8, other}}) {
        BOOST_TEST(read_object<int>(memory, 0x1000) == 0);
        BOOST_TEST(error_of([&] { read_object<std::vector<int>>(memory, 0x1000); }) == EOPNOTSUPP);
        BOOST_TEST(error_of([&] { read_object<std::optional<std::string>>(memory, 0x1000); }) == EOPNOTSUPP);
    }
    BOOST_TEST(read_object<std::vector<int>>(foreign{8, std::endian::native}, 0x1000).size() == 0u);
}

BOOST_AUTO_TEST_CASE(corrupted_objects_give_a_value_or_an_error) {
    /// This process's memory with some bits turned over.
    struct corrupted {
        process_memory memory;
        test::chance* chance;
        std::size_t read_some(vmio::address at, std::span<std::byte> to, std::error_code& ec) const noexcept {
            const std::size_t n = memory.read_some(at, to, ec);
            for (std::size_t turned = chance->below(3); n > 0 && turned > 1; --turned)
                to[chance->below(n)] ^= static_cast<std::byte>(1U << chance->below(8));
            return n;
        }
    };
    test::chance chance(1);
    const corrupted memory{process_memory(::getpid()), &chance};
    int errors = 0;
    for (unsigned i = 0; i < 500; ++i) {
        const test::object object = test::random_object(i);
        for (int attempt = 0; attempt < 4; ++attempt) {
            try {
                read_object<test::object>(memory, address_of(&object), {.elements = 100000, .bytes = 1 << 22});
            } catch (const vmio::memory_error&) {
                ++errors;
            }
        }
    }
    BOOST_TEST(errors > 100);
    BOOST_TEST(errors < 2000);
}

BOOST_AUTO_TEST_SUITE_END()
