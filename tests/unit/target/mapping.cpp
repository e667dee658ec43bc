#include "target/mapping.hpp"

#include <sys/auxv.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

extern "C" {
int importlock_test_anchor = 1;
}

namespace importlock {

BOOST_AUTO_TEST_SUITE(mapping)

BOOST_AUTO_TEST_CASE(maps_text_gives_file_mappings_only) {
  const auto mappings = parse_process_maps(
      "555500000000-555500001000 r--p 00000000 fe:00 11 /usr/bin/a b\n"
      "555500001000-555500003000 r-xp 00001000 fe:00 11 /usr/bin/a b (deleted)\n"
      "7fff00000000-7fff00001000 rw-p 00000000 00:00 0 [stack]\n"
      "garbage\n"
      "7fff10000000-7fff10001000 rw-p 00000000 00:00 0\n");
  BOOST_REQUIRE_EQUAL(mappings.size(), 2U);
  BOOST_TEST(mappings[0].path == "/usr/bin/a b");
  BOOST_TEST(mappings[1].path == "/usr/bin/a b");
  BOOST_TEST(!mappings[0].deleted);
  BOOST_TEST(mappings[1].deleted);
  BOOST_TEST(mappings[1].start.value() == 0x555500001000U);
  BOOST_TEST(mappings[1].end.value() == 0x555500003000U);
  BOOST_TEST(mappings[1].file_offset == 0x1000U);
}

BOOST_AUTO_TEST_CASE(a_running_process_loads_its_own_executable) {
  const auto mappings = process_mappings(getpid());
  const auto self = std::string("/proc/self/exe");
  const auto file = ElfFile::open(self);
  const auto path = mappings.front().path;
  const auto bias = load_bias(file, path, mappings);
  BOOST_REQUIRE(bias.has_value());
  const std::vector<std::string_view> wanted{"importlock_test_anchor"};
  const auto symbols = file.symbols(ElfFile::Table::symtab, wanted).defined;
  BOOST_REQUIRE(symbols.contains("importlock_test_anchor"));
  BOOST_TEST((*bias + symbols.at("importlock_test_anchor").front().address).value() ==
             reinterpret_cast<std::uintptr_t>(&importlock_test_anchor));
}

BOOST_AUTO_TEST_CASE(an_executable_is_mapped_from_its_program_headers_on) {
  const auto file = ElfFile::open("/proc/self/exe");
  const auto told = executable_mappings(file, "/x", Address{getauxval(AT_PHDR)});
  const auto mapped = process_mappings(getpid());
  BOOST_REQUIRE(!told.empty());
  BOOST_TEST((load_bias(file, "/x", told) == load_bias(file, mapped.front().path, mapped)));
}

BOOST_AUTO_TEST_CASE(a_file_that_is_mapped_elsewhere_is_not_loaded) {
  const auto file = ElfFile::open("/proc/self/exe");
  const std::vector<Mapping> data_only{{Address{0x1000}, Address{0x2000}, 0, "/x"}};
  BOOST_TEST(!load_bias(file, "/x", data_only).has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace importlock
