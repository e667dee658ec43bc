#include "cpython/layouts/python3.hpp"

#include <boost/test/unit_test.hpp>

#include "cpython/layouts/measured3.hpp"

namespace importlock {

namespace {

/// Calls `visit(measured offset, that of the table of x86-64, field of that)` for each field that
/// the build has.
template <typename Visit>
void with_x86_64(const MeasuredBuild& build, Visit visit) {
  auto table = python3_table(build.minor, Architecture::x86_64);
  BOOST_REQUIRE(table);
  for (const auto& [offset, field] : build.offsets) {
    if (offset) visit(*offset, field(table->layout), table->layout);
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(layouts_of_3)

// Two machines with the same sizes and alignments. Between the two fields of _PyRuntime lies a
// pthread_mutex_t, which alone differs; which build has mutexes for locks is told for all.
BOOST_AUTO_TEST_CASE(measured_and_written_tables_agree) {
  unsigned compared = 0;
  for (const auto& build : measured_builds) {
    if (build.architecture != Architecture::aarch64) continue;
    with_x86_64(build, [&](Layout::Offset measured, Layout::Offset& written, Layout& at) {
      if (&written == &at.runtime.tstate_current || &written == &at.lock.size_with_mutex ||
          &written == &at.rlock.size_with_mutex) {
        return;
      }
      ++compared;
      BOOST_TEST(measured == written,
                 "3." << build.minor << ": " << measured << " and " << written);
    });
  }
  BOOST_TEST(compared > 300U);
}

BOOST_AUTO_TEST_CASE(nothing_lies_further_in_on_32_bits) {
  for (const auto& build : measured_builds) {
    if (build.architecture != Architecture::i386) continue;
    with_x86_64(build, [&](Layout::Offset measured, Layout::Offset& written, Layout&) {
      BOOST_TEST(measured <= written,
                 "3." << build.minor << ": " << measured << " and " << written);
    });
    const auto table = python3_table(build.minor, Architecture::i386);
    BOOST_REQUIRE(table);
    BOOST_TEST(table->layout.word == 4U);
    BOOST_TEST(table->layout.object.ob_type == 4U);
  }
}

BOOST_AUTO_TEST_CASE(the_version_is_told_by_the_size_of_the_runtime) {
  for (const auto& build : measured_builds) {
    BOOST_TEST(minor_of_runtime(build.runtime_size, build.architecture).value() == build.minor);
    BOOST_TEST(!minor_of_runtime(build.runtime_size + 1, build.architecture));
  }
}

BOOST_AUTO_TEST_CASE(a_version_that_was_not_measured_is_not_read) {
  BOOST_TEST(python3_table(10, Architecture::x86_64).has_value());
  BOOST_TEST(!python3_table(10, Architecture::i386).has_value());
  BOOST_TEST(python3_versions(Architecture::i386) == "2.7, 3.9, 3.11, 3.13 and 3.14");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace importlock
