// SPDX-License-Identifier: BSL-1.0
/// Snapshots made of views: what they share, and that nobody notices.
#include <deque>
#include <random>
#include <vector>

#include <sys/mman.h>

#include <boost/test/unit_test.hpp>

#include <vmio/snapshot.hpp>

#include "snapshot/cow_pages.hpp"
#include "support/resources.hpp"
#include "support/snapshots.hpp"

using test::bytes_of;
using test::equal;
using test::pattern_bytes;
using vmio::cow_view;
using vmio::snapshot;
using runs = std::vector<vmio::changed_run>;

namespace {

const std::size_t page = vmio::page_size();

std::size_t descriptors() {
    return test::resources::now().descriptors;
}

/// What a view should be like.
struct model {
    cow_view view;
    std::vector<std::byte> bytes;
    std::vector<std::byte> origin;
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_snapshot_of_an_unchanged_view_shares_the_original) {
    const snapshot s = snapshot::from_bytes(pattern_bytes(1024 * page));
    cow_view view = s.view();
    const std::size_t before = descriptors();
    BOOST_TEST(equal(bytes_of(view.take_snapshot()), pattern_bytes(1024 * page)));
    view[0] = std::byte{1};
    view.restore();
    const snapshot taken = view.take_snapshot();
    BOOST_TEST(descriptors() == before);
    BOOST_TEST(taken.memory_used() == s.memory_used());
}

BOOST_AUTO_TEST_CASE(a_snapshot_of_a_slightly_changed_view_shares_what_is_unchanged) {
    const snapshot s = snapshot::from_bytes(pattern_bytes(1024 * page));
    cow_view view = s.view();
    const std::size_t before = descriptors();
    for (std::size_t i = 0; i < 100; ++i) view[i * 10 * page] = std::byte{1};
    const snapshot taken = view.take_snapshot();
    BOOST_TEST(descriptors() == before);
    BOOST_TEST(taken.memory_used() == s.memory_used() + 100 * page);
    // With an eighth changed, a file of its own is the better way: views of it have nothing to copy.
    for (std::size_t i = 0; i < 200; ++i) view[i * 5 * page] = std::byte{1};
    const snapshot copied = view.take_snapshot();
    BOOST_TEST(descriptors() == before + 1);
    BOOST_TEST(copied.memory_used() == s.memory_used());
    BOOST_TEST(equal(bytes_of(copied), view.bytes()));
    BOOST_TEST(equal(bytes_of(s), pattern_bytes(1024 * page)));
}

BOOST_AUTO_TEST_CASE(a_view_of_a_layered_snapshot_is_like_any_other) {
    cow_view first = snapshot::from_bytes(pattern_bytes(100 * page + 7)).view();
    first[3 * page] = std::byte{1};
    first[100 * page + 6] = std::byte{1};
    const snapshot layered = first.take_snapshot();
    cow_view view = layered.view();
    const std::vector<std::byte> origin(first.bytes().begin(), first.bytes().end());
    BOOST_TEST(equal(view.bytes(), origin));
    BOOST_TEST(view.changed().empty());
    view[3 * page + 1] = std::byte{2};
    view[5 * page] = std::byte{2};
    BOOST_TEST((view.changed() == std::vector<vmio::changed_run>{{3 * page, page}, {5 * page, page}}));
    view.restore(3 * page, page);
    BOOST_TEST((view.changed() == std::vector<vmio::changed_run>{{5 * page, page}}));
    for (std::size_t i = 0; i < 100; ++i) view[i * page] = std::byte{3};  // so many that pages are dropped
    view.restore();
    BOOST_TEST(view.changed().empty());
    BOOST_TEST(equal(view.bytes(), origin));
    BOOST_TEST((first.changed() == std::vector<vmio::changed_run>{{3 * page, page}, {100 * page, 7}}));
}

BOOST_AUTO_TEST_CASE(pages_that_the_program_drops_are_noticed_where_they_are_of_a_layer) {
    cow_view first = snapshot::from_bytes(pattern_bytes(100 * page + 7)).view();
    for (const std::size_t i : {3, 5, 6, 100}) first[i * page] ^= std::byte{1};
    const snapshot layered = first.take_snapshot();
    cow_view view = layered.view();
    view[5 * page] ^= std::byte{2};
    for (const std::size_t i : {3, 6, 100}) BOOST_REQUIRE(::madvise(view.data() + i * page, page, MADV_DONTNEED) == 0);
    std::vector<std::byte> dropped(view.bytes().begin(), view.bytes().end());
    const runs changes{{3 * page, page}, {5 * page, 2 * page}, {100 * page, 7}};
    BOOST_TEST((view.changed() == changes));
    BOOST_TEST((view.changed(vmio::change::different) == changes));
    BOOST_TEST(equal(bytes_of(view.take_snapshot()), dropped));
    view.restore(3 * page, page);
    BOOST_TEST(equal(view.bytes().first(4 * page), first.bytes().first(4 * page)));
    view.restore();
    BOOST_TEST(equal(view.bytes(), first.bytes()));
    BOOST_TEST(view.changed().empty());
}

BOOST_AUTO_TEST_CASE(a_layered_snapshot_can_be_changed_by_a_mutable_view) {
    cow_view first = snapshot::from_bytes(pattern_bytes(20 * page + 7)).view();
    first[3 * page] = std::byte{1};
    first[20 * page + 6] = std::byte{1};
    snapshot layered = first.take_snapshot();
    cow_view before = layered.view();
    layered.view_mutable()[4 * page] = std::byte{2};
    BOOST_TEST(equal(before.bytes(), first.bytes()));
    before.restore();
    first[4 * page] = std::byte{2};
    BOOST_TEST(equal(before.bytes(), first.bytes()));
    BOOST_TEST(before.changed().empty());
}

BOOST_AUTO_TEST_CASE(commit_makes_a_new_snapshot_that_restore_returns_to) {
    const snapshot s = snapshot::from_bytes(pattern_bytes(64 * page));
    for (const std::size_t changed : {std::size_t{0}, std::size_t{5}, std::size_t{64}}) {
        cow_view view = s.view();
        const std::byte* const where = view.data();
        for (std::size_t i = 0; i < changed; ++i) view[i * page] = std::byte{1};
        const std::vector<std::byte> expected(view.bytes().begin(), view.bytes().end());
        const snapshot committed = view.commit();
        BOOST_TEST(view.data() == where);
        BOOST_TEST(view.changed().empty());
        BOOST_TEST(equal(view.bytes(), expected));
        BOOST_TEST(equal(bytes_of(committed), expected));
        view[0] = std::byte{2};
        view[63 * page] = std::byte{2};
        BOOST_TEST((view.changed() == std::vector<vmio::changed_run>{{0, page}, {63 * page, page}}));
        view.restore();
        BOOST_TEST(equal(view.bytes(), expected));
    }
    BOOST_TEST(equal(bytes_of(s), pattern_bytes(64 * page)));
}

BOOST_AUTO_TEST_CASE(a_long_chain_of_commits_has_few_layers_and_few_descriptors) {
    constexpr std::size_t pages = 4096;
    std::vector<std::byte> expected = pattern_bytes(pages * page);
    cow_view view = snapshot::from_bytes(expected).view();
    const std::size_t before = descriptors();
    std::deque<snapshot> all;
    for (std::size_t i = 0; i < 1000; ++i) {
        for (const std::size_t changed : {i % pages, i * 7 % pages, i * 101 % pages})
            view[changed * page + i] = expected[changed * page + i] = static_cast<std::byte>(i);
        all.push_back(view.commit());
    }
    BOOST_TEST(descriptors() <= before + 16);
    BOOST_TEST(equal(view.bytes(), expected));
    BOOST_TEST(equal(bytes_of(all.back()), expected));
    BOOST_TEST((all[499].view()[499 * page + 499] == static_cast<std::byte>(499)));
    BOOST_TEST((all[498].view()[499 * page + 499] == test::pattern(499 * page + 499)));
}

BOOST_AUTO_TEST_CASE(layers_are_joined_before_they_are_many) {
    vmio::detail::cow_pages overlay;
    for (std::size_t i = 0; i < 100; ++i) {
        const std::size_t pages[] = {i % 3, 100 + i};
        overlay = overlay.with(
            pages, [&](std::size_t, std::span<std::byte> to) { std::ranges::fill(to, static_cast<std::byte>(i)); });
        BOOST_TEST(overlay.layers() <= vmio::detail::cow_pages::most_layers);
    }
    BOOST_TEST(overlay.size() == 103u);
    BOOST_TEST((overlay.find(0)[0] == std::byte{99}));
    BOOST_TEST((overlay.find(2)[0] == std::byte{98}));
    BOOST_TEST((overlay.find(150)[page - 1] == std::byte{50}));
    BOOST_TEST(overlay.find(3) == nullptr);
    BOOST_TEST(overlay.find(99) == nullptr);
    BOOST_TEST(overlay.find(200) == nullptr);
    BOOST_TEST(overlay.entries(101, 104).size() == 3u);
}

BOOST_AUTO_TEST_CASE(any_order_of_operations_gives_what_plain_copies_give) {
    std::mt19937 random(7);
    const auto below = [&](std::size_t n) { return random() % n; };
    const std::vector<std::byte> start = pattern_bytes(200 * page + 33);
    std::vector<model> models;
    models.push_back({snapshot::from_bytes(start).view(), start, start});
    for (int step = 0; step < 3000; ++step) {
        model& m = models[below(models.size())];
        const std::size_t first = below(201);
        const std::size_t offset = first * page;
        const std::size_t size = std::min(m.bytes.size() - offset, (1 + below(20)) * page);
        switch (below(8)) {
            case 0:
            case 1:
            case 2:
                for (std::size_t n = below(30); n > 0; --n) {
                    const std::size_t at = below(m.bytes.size());
                    m.view[at] = m.bytes[at] = static_cast<std::byte>(random());
                }
                break;
            case 3:
                m.view.restore();
                m.bytes = m.origin;
                break;
            case 4:
                m.view.restore(offset, size);
                std::copy_n(m.origin.begin() + static_cast<std::ptrdiff_t>(offset), size,
                            m.bytes.begin() + static_cast<std::ptrdiff_t>(offset));
                break;
            case 5:
                m.view.commit();
                m.origin = m.bytes;
                break;
            case 6: {
                const snapshot taken = m.view.take_snapshot();
                BOOST_REQUIRE(equal(bytes_of(taken), m.bytes));
                model fresh{taken.view(), m.bytes, m.bytes};
                if (models.size() < 6)
                    models.push_back(std::move(fresh));
                else
                    models[below(models.size())] = std::move(fresh);
                break;
            }
            default: {
                std::vector<std::byte> by_runs = m.origin;
                for (const vmio::changed_run& run : m.view.changed(vmio::change::different)) {
                    BOOST_REQUIRE(!equal(std::span(m.origin).subspan(run.offset, run.size),
                                         std::span(m.bytes).subspan(run.offset, run.size)));
                    std::copy_n(m.bytes.begin() + static_cast<std::ptrdiff_t>(run.offset), run.size,
                                by_runs.begin() + static_cast<std::ptrdiff_t>(run.offset));
                }
                BOOST_REQUIRE(equal(by_runs, m.bytes));
            }
        }
        if (step % 100 == 0)
            for (const model& each : models) BOOST_REQUIRE(equal(each.view.bytes(), each.bytes));
    }
}
