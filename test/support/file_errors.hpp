// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>

#include <boost/test/unit_test.hpp>

#include <vmio/file_error.hpp>

#include "support/files.hpp"
#include "support/resources.hpp"

namespace test {

/// For BOOST_CHECK_EXCEPTION: a file_error with this errno, whose words hold these and the file's name.
inline auto says(int code, std::string words) {
    return [=](const vmio::file_error& e) {
        BOOST_TEST_MESSAGE(e.what());
        const std::string said = e.what();
        return e.code() == std::error_code(code, std::system_category()) && said.find(words) != said.npos &&
               said.find(e.path().string()) != said.npos;
    };
}

/// Whether `load`, which reads the good file at `path`, refuses it with bytes changed, its end missing or something
/// behind it, and keeps nothing open. Puts the good file back.
template <class Load>
void check_that_damage_is_noticed(const std::filesystem::path& path, Load&& load) {
    const auto good = read_file(path);
    const std::size_t before = resources::now().descriptors;
    for (std::size_t i = 0; i < good.size(); i += i < 200 ? 1 : 97) {
        auto bytes = good;
        bytes[i] ^= std::byte{0x10};
        write_file(path, bytes);
        BOOST_CHECK_THROW(load(path), vmio::file_error);
        bytes = good;
        bytes.resize(i);
        write_file(path, bytes);
        BOOST_CHECK_THROW(load(path), vmio::file_error);
    }
    auto longer = good;
    longer.push_back({});
    write_file(path, longer);
    BOOST_CHECK_EXCEPTION(load(path), vmio::file_error, says(EBADMSG, "follows its end"));
    BOOST_TEST(resources::now().descriptors == before);
    write_file(path, good);
}

}  // namespace test
