#include "target/image_file.hpp"

#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstring>

#include "base/error.hpp"

namespace importlock {

namespace {

/// Our own memory, as far as `mappings` reach.
class OwnMemory : public Memory {
 public:
  explicit OwnMemory(std::vector<Mapping> mappings) : mappings_(std::move(mappings)) {}
  bool try_read(Address address, std::span<std::byte> into) override {
    for (const auto& mapping : mappings_) {
      if (mapping.start <= address && address + into.size() <= mapping.end) {
        std::memcpy(into.data(), reinterpret_cast<const void*>(address.value()), into.size());
        return true;
      }
    }
    return false;
  }

 private:
  std::vector<Mapping> mappings_;
};

Target own_target() {
  Target target;
  target.mappings = process_mappings(getpid());
  target.info.executable = target.mappings.front().path;
  target.memory = std::make_unique<OwnMemory>(target.mappings);
  return target;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(image_file)

BOOST_AUTO_TEST_CASE(memory_and_file_show_one_build_id) {
  const auto target = own_target();
  const auto file = ElfFile::open("/proc/self/exe");
  BOOST_REQUIRE(file.build_id().has_value());
  BOOST_TEST((build_id_in_memory(*target.memory, target.mappings[0].start) == file.build_id()));
  BOOST_TEST(!build_id_in_memory(*target.memory, target.mappings[1].start).has_value());
  BOOST_TEST(!build_id_in_memory(*target.memory, Address{16}).has_value());
}

BOOST_AUTO_TEST_CASE(a_file_of_another_build_is_passed_over) {
  auto target = own_target();
  const auto path = target.info.executable;
  const auto shell = std::string("/bin/sh");
  target.files.executable = shell;
  const auto refused = open_image(target, path);
  BOOST_TEST(!refused.file);
  BOOST_TEST(refused.why_not.starts_with(shell + " is not the file that the target runs"));
  target.files.live_pid = getpid();
  const auto found = open_image(target, path);
  BOOST_REQUIRE(found.file);
  BOOST_TEST(found.file->path().starts_with("/proc/"));
  BOOST_TEST(found.why_not.empty());
}

BOOST_AUTO_TEST_CASE(a_missing_file_is_named_with_its_build_id) {
  const auto target = own_target();
  const auto missing = open_image(target, target.info.executable);
  BOOST_TEST(!missing.file);
  BOOST_TEST(missing.why_not.find("is not on this machine (build id ") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace importlock
