#include "target/proc_file.hpp"

#include <unistd.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <string>

#include "base/error.hpp"

namespace importlock {

BOOST_AUTO_TEST_SUITE(files_of_proc)

BOOST_AUTO_TEST_CASE(a_state_is_read_behind_any_name) {
  BOOST_TEST(has_ended("7 (python) Z 1 7"));
  BOOST_TEST(has_ended("7 (a) R (b) X 1 7"));
  BOOST_TEST(!has_ended("7 (a) Z (b) S 1 7"));
  BOOST_TEST(!has_ended("7 (cut short"));
  BOOST_TEST(!has_ended(""));
}

BOOST_AUTO_TEST_CASE(ids_are_sorted_and_read_again) {
  ProcFolder processes("/proc");
  for (int time = 0; time < 2; ++time) {
    const auto ids = processes.ids();
    BOOST_TEST(std::ranges::is_sorted(ids));
    BOOST_TEST(std::ranges::binary_search(ids, ::getpid()));
  }
}

BOOST_AUTO_TEST_CASE(a_folder_that_cannot_be_listed_is_no_empty_one) {
  BOOST_CHECK_THROW(ProcFolder("/proc/none"), FileError);
  try {
    ProcFolder("/proc/self/status");
    BOOST_ERROR("it is no folder");
  } catch (const FileError& error) {
    BOOST_TEST(error.none());
  }
}

BOOST_AUTO_TEST_CASE(a_process_is_read_by_its_main_thread) {
  BOOST_TEST((living_thread(::getpid()) == ::getpid()));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace importlock
