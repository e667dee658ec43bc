#include "base/rooted_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

namespace importlock {

namespace {

namespace fs = std::filesystem;

std::string text_of(const Descriptor& file) {
  std::array<char, 16> text{};
  const auto got = ::read(file.number(), text.data(), text.size());
  return {text.data(), got > 0 ? static_cast<std::size_t>(got) : 0};
}

/// root/app/1/x.py says "inside", and outside.py beside the root says "outside".
struct Folders {
  Folders() {
    std::string name = (fs::temp_directory_path() / "importlock-XXXXXX").string();
    BOOST_REQUIRE(::mkdtemp(name.data()) != nullptr);
    folder = name;
    fs::create_directories(root() / "app/1");
    std::ofstream(root() / "app/1/x.py") << "inside";
    std::ofstream(folder / "outside.py") << "outside";
  }
  ~Folders() { fs::remove_all(folder); }

  [[nodiscard]] fs::path root() const { return folder / "root"; }
  /// What is at `path`, by both of the ways there; nothing for no file.
  [[nodiscard]] std::string text(const std::string& path) const {
    const auto result = text_of(open_regular(root(), path));
    BOOST_TEST(text_of(open_regular_by_names(root(), path)) == result, path);
    return result;
  }

  fs::path folder;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(rooted_file, Folders)

BOOST_AUTO_TEST_CASE(links_lead_on_inside_the_root) {
  fs::create_symlink("/app/1", root() / "app/current");
  fs::create_symlink("../app/./current", root() / "app/last");
  for (const auto* const path : {"/app/1/x.py", "/app/current/x.py", "app//last/../1/x.py",
                                 "/../../app/1/x.py", "/app/current/../../../app/1/x.py"}) {
    BOOST_TEST(text(path) == "inside", path);
  }
}

BOOST_AUTO_TEST_CASE(no_link_leads_out_of_it) {
  fs::create_symlink(folder / "outside.py", root() / "absolute.py");
  fs::create_symlink("../outside.py", root() / "relative.py");
  BOOST_TEST(text("/absolute.py").empty());
  BOOST_TEST(text("/relative.py").empty());
  BOOST_TEST(text("/../outside.py").empty());
}

BOOST_AUTO_TEST_CASE(ways_without_end_and_what_is_no_file_are_not_opened) {
  fs::create_symlink("/loop", root() / "loop");
  fs::create_symlink("grows/grows", root() / "grows");
  ::mkfifo((root() / "fifo").c_str(), 0600);
  for (const auto* const path : {"/loop", "/grows", "/fifo", "/app", "/", "", "/app/1/x.py/x.py"}) {
    BOOST_TEST(open_regular(root(), path).number() < 0, path);
    BOOST_TEST(open_regular_by_names(root(), path).number() < 0, path);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace importlock
