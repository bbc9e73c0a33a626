// SPDX-License-Identifier: BSL-1.0
/// The exceptions are of one type, whichever library throws them.
#include <cerrno>
#include <string>
#include <typeinfo>

#include <dlfcn.h>

#include <boost/test/unit_test.hpp>

#include <vmio/file_error.hpp>

namespace {

struct plugin {
    void* const handle = ::dlopen(VMIO_PLUGIN, RTLD_NOW | RTLD_LOCAL);
    plugin() { BOOST_REQUIRE_MESSAGE(handle != nullptr, ::dlerror()); }
    ~plugin() { ::dlclose(handle); }

    void call(const char* function) const {
        auto* const found = reinterpret_cast<void (*)()>(::dlsym(handle, function));
        BOOST_REQUIRE(found != nullptr);
        found();
    }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(an_error_thrown_by_a_plugin_is_caught_by_its_type, plugin) {
    try {
        call("throw_memory_error");
        BOOST_ERROR("no exception");
    } catch (const vmio::memory_error& e) {
        BOOST_TEST(e.where() == 0x1000u);
        BOOST_TEST(&typeid(e) == &typeid(vmio::memory_error));
    }
    BOOST_CHECK_THROW(call("throw_memory_error"), std::ios_base::failure);
    BOOST_CHECK_THROW(call("throw_memory_error"), std::system_error);
    BOOST_CHECK_EXCEPTION(call("throw_file_error"), vmio::memory_error, [](const vmio::memory_error& e) {
        return dynamic_cast<const vmio::file_error*>(&e) != nullptr && e.code().value() == ENOENT;
    });
}

BOOST_FIXTURE_TEST_CASE(a_plugin_has_no_type_of_its_own_for_an_error, plugin) {
    // It would be a second one for whoever compares their addresses, and for a library opened without the others.
    for (const char* type : {"_ZTIN4vmio12memory_errorE", "_ZTVN4vmio12memory_errorE", "_ZTIN4vmio10file_errorE",
                             "_ZTVN4vmio10file_errorE"}) {
        Dl_info home{};
        void* const found = ::dlsym(handle, type);
        BOOST_REQUIRE(found != nullptr);
        BOOST_REQUIRE(::dladdr(found, &home) != 0);
        BOOST_TEST(std::string(home.dli_fname).find("libvmio") != std::string::npos, type << " of " << home.dli_fname);
    }
}
