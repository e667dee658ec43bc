#include "cpython/v3/debug_offsets.hpp"

#include <boost/test/unit_test.hpp>
#include <cstring>
#include <vector>

#include "base/error.hpp"

namespace importlock::v3 {

namespace {

constexpr Address runtime{0x10000};

/// A _PyRuntime whose debug offsets tell what the table has.
class Runtime : public Memory {
 public:
  explicit Runtime(const Python3& table) {
    put(0, 0x7970'6775'6265'6478);
    put(8, (3U << 24 | table.minor << 16) | 0xf0);
    auto layout = table.layout;
    for (const auto& [at, field] : table.debug_offsets) put(at, field(layout));
    for (const auto& [at, size] : table.debug_sizes) put(at, size);
  }
  bool try_read(Address address, std::span<std::byte> into) override {
    const auto offset = address.value() - runtime.value();
    if (address < runtime || offset + into.size() > bytes_.size()) return false;
    std::memcpy(into.data(), bytes_.data() + offset, into.size());
    return true;
  }
  void put(std::size_t at, std::uint64_t value) {
    std::memcpy(bytes_.data() + at, &value, sizeof value);
  }

 private:
  std::vector<std::byte> bytes_ = std::vector<std::byte>(900);
};

constexpr std::size_t imports_modules = 96;  // of 3.14
constexpr std::size_t free_threaded = 16;

}  // namespace

BOOST_AUTO_TEST_SUITE(debug_offsets_of_3)

BOOST_AUTO_TEST_CASE(what_the_target_tells_wins) {
  for (const unsigned minor : {13U, 14U, 15U}) {
    const auto table = *python3_table(minor, Architecture::x86_64);
    Runtime memory(table);
    const auto same = told_layout(table, memory, runtime);
    BOOST_TEST(same.interpreter_state.modules == table.layout.interpreter_state.modules);
    BOOST_TEST(same.runtime.interpreter_import_lock ==
               table.layout.runtime.interpreter_import_lock);
  }
  const auto table = *python3_table(14, Architecture::x86_64);
  Runtime memory(table);
  memory.put(imports_modules, 9000);
  const auto told = told_layout(table, memory, runtime);
  BOOST_TEST(told.interpreter_state.modules == 9000U);
  BOOST_TEST(told.runtime.interpreter_import_lock == 9048U);
  BOOST_TEST(told.interpreter_state.sysdict == table.layout.interpreter_state.sysdict);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_is_refused) {
  const auto table = *python3_table(14, Architecture::x86_64);
  Runtime absurd(table);
  absurd.put(imports_modules, std::uint64_t{1} << 40);
  BOOST_CHECK_THROW(told_layout(table, absurd, runtime), FormatError);
  Runtime other(*python3_table(13, Architecture::x86_64));
  BOOST_CHECK_THROW(told_layout(table, other, runtime), FormatError);
}

BOOST_AUTO_TEST_CASE(what_tells_nothing_leaves_the_table) {
  const auto table = *python3_table(14, Architecture::x86_64);
  Runtime memory(table);
  memory.put(imports_modules, 9000);
  memory.put(0, 0);
  const auto modules = table.layout.interpreter_state.modules;
  BOOST_TEST(told_layout(table, memory, runtime).interpreter_state.modules == modules);
  BOOST_TEST(told_layout(table, memory, Address{8}).interpreter_state.modules == modules);
  const auto older = *python3_table(12, Architecture::x86_64);
  BOOST_TEST(told_layout(older, memory, runtime).interpreter_state.modules ==
             older.layout.interpreter_state.modules);
}

BOOST_AUTO_TEST_CASE(a_version_after_the_newest_bears_that_out_or_not) {
  constexpr std::size_t interpreter_state_size = 48;
  constexpr std::size_t thread_id = 240;
  constexpr std::size_t code_size = 376;
  constexpr std::size_t code_name = 392;
  for (const auto& newest : {python3_table(newest_python3(), Architecture::x86_64),
                             free_threaded_table(newest_python3(), Architecture::x86_64)}) {
    auto table = *newest;
    ++table.minor;
    const auto odds_with = [&](std::size_t at, std::uint64_t value) {
      Runtime memory(table);
      memory.put(at, value);
      return at_odds(table, memory, runtime);
    };
    Runtime same(table);
    BOOST_TEST(at_odds(table, same, runtime) == "");
    BOOST_TEST(has_known_interpreter_state(table, same, runtime));
    // What grows with each version is told in full, but for the import lock.
    BOOST_TEST(odds_with(interpreter_state_size, 300'000) == "");
    BOOST_TEST(odds_with(thread_id, 184) == "");
    BOOST_TEST(odds_with(code_size, 1000).starts_with("its debug offset at 376 is 1000 and"));
    BOOST_TEST(odds_with(code_name, 40).starts_with("its debug offset at 392 is 40 and"));
    Runtime grown(table);
    grown.put(interpreter_state_size, 300'000);
    BOOST_TEST(!has_known_interpreter_state(table, grown, runtime));
    Runtime older(*newest);
    BOOST_TEST(at_odds(table, older, runtime).starts_with("its debug offsets are of version"));
    same.put(0, 0);
    BOOST_TEST(at_odds(table, same, runtime) == "it has no debug offsets");
  }
}

BOOST_AUTO_TEST_CASE(a_build_without_the_gil_is_told) {
  Runtime memory(*python3_table(14, Architecture::x86_64));
  BOOST_TEST(!is_free_threaded(memory, runtime));
  memory.put(free_threaded, 1);
  BOOST_TEST(is_free_threaded(memory, runtime));
  memory.put(0, 0);
  BOOST_TEST(!is_free_threaded(memory, runtime));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace importlock::v3
