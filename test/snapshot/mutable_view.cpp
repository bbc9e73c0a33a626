// SPDX-License-Identifier: BSL-1.0
#include <vmio/mutable_view.hpp>

#include <cerrno>
#include <optional>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <vmio/error.hpp>
#include <vmio/snapshot.hpp>

#include "support/resources.hpp"
#include "support/snapshots.hpp"

using test::bytes_of;
using test::equal;
using test::pattern_bytes;
using vmio::cow_view;
using vmio::mutable_view;
using vmio::snapshot;

namespace {

const std::size_t page = vmio::page_size();

snapshot of_pattern(std::size_t size) {
    return snapshot::from_bytes(pattern_bytes(size));
}

}  // namespace

BOOST_AUTO_TEST_CASE(changes_reach_the_snapshot_and_all_its_copies) {
    snapshot s = of_pattern(2 * page + 10);
    const snapshot copy = s;
    mutable_view view = s.view_mutable();
    BOOST_TEST(view.size() == 2 * page + 10);
    BOOST_TEST(equal(view.bytes(), pattern_bytes(2 * page + 10)));
    view[2 * page + 9] = std::byte{1};
    BOOST_TEST((s.view()[2 * page + 9] == std::byte{1}));
    BOOST_TEST((copy.view()[2 * page + 9] == std::byte{1}));
    std::byte byte;
    std::error_code ec;
    copy.read_some(2 * page + 9, {&byte, 1}, ec);
    BOOST_TEST((byte == std::byte{1}));
}

BOOST_AUTO_TEST_CASE(a_snapshot_has_one_mutable_view_at_a_time) {
    snapshot s = of_pattern(page);
    snapshot copy = s;
    snapshot clone = s.clone();
    const auto busy = [](const vmio::memory_error& e) { return e.code().value() == EBUSY; };
    {
        const mutable_view view = s.view_mutable();
        BOOST_CHECK_EXCEPTION(s.view_mutable(), vmio::memory_error, busy);
        BOOST_CHECK_EXCEPTION(copy.view_mutable(), vmio::memory_error, busy);
        clone.view_mutable();
    }
    mutable_view view = copy.view_mutable();
    mutable_view moved = std::move(view);
    BOOST_CHECK_EXCEPTION(s.view_mutable(), vmio::memory_error, busy);
    moved[0] = std::byte{1};
    moved = clone.view_mutable();
    s.view_mutable();
}

BOOST_AUTO_TEST_CASE(views_and_snapshots_from_before_do_not_change) {
    snapshot s = of_pattern(3 * page);
    cow_view before = s.view();
    before[page] = std::byte{1};
    const snapshot taken = before.take_snapshot();
    const snapshot unchanged = s.view().take_snapshot();
    {
        mutable_view view = s.view_mutable();
        for (std::byte& b : view.bytes()) b = std::byte{9};
    }
    BOOST_TEST((before[0] == test::pattern(0)));
    BOOST_TEST((before[page] == std::byte{1}));
    BOOST_TEST((taken.view()[0] == test::pattern(0)));
    BOOST_TEST(equal(bytes_of(unchanged), pattern_bytes(3 * page)));
    BOOST_TEST(test::all_equal(bytes_of(s), std::byte{9}));
}

BOOST_AUTO_TEST_CASE(a_view_that_is_restored_sees_what_was_changed_meanwhile) {
    snapshot s = of_pattern(3 * page);
    cow_view view = s.view();
    const std::byte* const where = view.data();
    view[0] = std::byte{1};
    view.protect(page, page, vmio::protection::none);
    s.view_mutable()[2 * page] = std::byte{2};
    view.restore(0, page);  // a part: to what it was
    BOOST_TEST((view[0] == test::pattern(0)));
    BOOST_TEST((view[2 * page] == test::pattern(2 * page)));
    view.restore();
    BOOST_TEST(view.data() == where);
    BOOST_TEST((view[2 * page] == std::byte{2}));
    BOOST_TEST((view[page] == test::pattern(page)));
    BOOST_TEST(view.changed().empty());
    *const_cast<volatile std::byte*>(&view[0]) = test::pattern(0);
    BOOST_TEST((view.changed() == std::vector<vmio::changed_run>{{0, page}}));  // as in a new view
    view[0] = std::byte{3};
    view.restore();
    BOOST_TEST((view[0] == test::pattern(0)));
}

BOOST_AUTO_TEST_CASE(a_view_that_is_restored_meanwhile_sees_what_is_written_later_as_a_new_one_does) {
    snapshot s = of_pattern(3 * page);
    mutable_view view = s.view_mutable();
    cow_view meanwhile = s.view();
    meanwhile[0] = std::byte{1};
    meanwhile.restore();
    view[0] = std::byte{9};
    BOOST_TEST((meanwhile[0] == std::byte{9}));
    BOOST_TEST(meanwhile.changed().empty());
}

BOOST_AUTO_TEST_CASE(snapshots_of_a_view_made_meanwhile_are_independent) {
    snapshot s = of_pattern(3 * page);
    std::optional<mutable_view> view = s.view_mutable();
    cow_view meanwhile = s.view();
    meanwhile[page] = std::byte{1};
    const snapshot untouched = s.view().take_snapshot();
    const snapshot changed = meanwhile.take_snapshot();
    const snapshot direct = view->take_snapshot();
    (*view)[0] = std::byte{9};
    BOOST_TEST((meanwhile[0] == std::byte{9}));  // a page of it that was not written
    BOOST_TEST(equal(bytes_of(untouched), pattern_bytes(3 * page)));
    BOOST_TEST(equal(bytes_of(direct), pattern_bytes(3 * page)));
    BOOST_TEST((changed.view()[0] == test::pattern(0)));
    BOOST_TEST((changed.view()[page] == std::byte{1}));
    view.reset();
    // Now nothing writes to it any more, so that it is shared again.
    const std::uint64_t descriptors = test::resources::now().descriptors;
    const snapshot shared = meanwhile.take_snapshot();
    BOOST_TEST(test::resources::now().descriptors == descriptors);
    s.view_mutable()[0] = std::byte{4};
    BOOST_TEST((shared.view()[0] == std::byte{9}));
    BOOST_TEST((meanwhile[0] == std::byte{9}));
}

BOOST_AUTO_TEST_CASE(a_committed_view_follows_the_new_snapshot) {
    snapshot s = of_pattern(3 * page);
    cow_view view = s.view();
    std::optional<mutable_view> writer = s.view_mutable();
    cow_view meanwhile = s.view();
    meanwhile[0] = std::byte{1};
    snapshot committed = meanwhile.commit();
    (*writer)[page] = std::byte{9};
    meanwhile.restore();
    BOOST_TEST((meanwhile[0] == std::byte{1}));
    BOOST_TEST((meanwhile[page] == test::pattern(page)));
    committed.view_mutable()[page] = std::byte{5};
    meanwhile.restore();
    BOOST_TEST((meanwhile[page] == std::byte{5}));
    BOOST_TEST((s.view()[page] == std::byte{9}));
}

BOOST_AUTO_TEST_CASE(restore_does_nothing) {
    snapshot s = of_pattern(2 * page);
    mutable_view view = s.view_mutable();
    view[0] = std::byte{1};
    view.restore();
    BOOST_TEST((view[0] == std::byte{1}));
}

BOOST_AUTO_TEST_CASE(a_part_can_be_protected) {
    snapshot s = of_pattern(3 * page);
    {
        mutable_view view = s.view_mutable();
        view[page] = std::byte{1};
        view.protect(page, page, vmio::protection::none);
        BOOST_CHECK_THROW(view.protect(1, page, vmio::protection::none), std::invalid_argument);
        BOOST_CHECK_THROW(view.protect(0, 4 * page, vmio::protection::none), std::invalid_argument);
        BOOST_TEST((view.take_snapshot().view()[page] == std::byte{1}));
        view.protect(page, page, vmio::protection::read_write);
        view[page + 1] = std::byte{2};
        view.protect(page, page, vmio::protection::none);
    }
    BOOST_TEST((s.view_mutable()[page + 1] == std::byte{2}));
}

BOOST_AUTO_TEST_CASE(many_mutable_views_leak_nothing) {
    const test::resources before = test::resources::now();
    {
        snapshot s = of_pattern(8 * page);
        for (int i = 0; i < 200; ++i) s.view_mutable()[8 * page - 1] = static_cast<std::byte>(i);
        BOOST_TEST((s.view()[8 * page - 1] == std::byte{199}));
        BOOST_TEST(test::resources::now().descriptors == before.descriptors + 1);
    }
    BOOST_TEST(test::resources::now() == before);
}
