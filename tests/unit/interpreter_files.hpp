#pragma once

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace importlock {

/// The folder into which fixtures/ unpack and build interpreters.
inline std::filesystem::path interpreter_folder() { return IMPORTLOCK_INTERPRETERS; }

/// Real files with a CPython 2.7 in them, of all architectures; to be read, not run.
inline std::vector<std::string> interpreter_files() {
  std::vector<std::string> files;
  const std::vector<std::pair<std::string, std::string>> debian{
      {"bullseye", "x86_64-linux-gnu"},
      {"bullseye-i386", "i386-linux-gnu"},
      {"bullseye-arm64", "aarch64-linux-gnu"}};
  for (const auto& [folder, triplet] : debian) {
    const auto usr = interpreter_folder() / folder / "root/usr";
    for (const auto* name : {"python2.7", "python2.7-dbg"}) files.push_back(usr / "bin" / name);
    for (const auto* name : {"libpython2.7.so.1.0", "libpython2.7_d.so.1.0"}) {
      files.push_back(usr / "lib" / triplet / name);
    }
  }
  files.push_back(interpreter_folder() / "python27-static/bin/python2.7");
  files.push_back(interpreter_folder() / "python27-static/bin/python2.7-mutex");
  return files;
}

/// pyenv's versions of CPython 3, which CI lacks: their folders.
inline std::vector<std::filesystem::path> pyenv_folders() {
  const auto* const root = std::getenv("PYENV_ROOT");
  const auto* const home = std::getenv("HOME");
  const auto folder = root != nullptr
                          ? std::filesystem::path(root)
                          : std::filesystem::path(home != nullptr ? home : "/") / ".pyenv";
  std::vector<std::filesystem::path> found;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(folder / "versions", none)) {
    if (entry.path().filename().string().starts_with("3.")) found.push_back(entry.path());
  }
  std::ranges::sort(found);
  return found;
}

/// Whether a test can do with `path`. Where it is missing the test is skipped with a message; in
/// CI, where nothing may be missing, it fails.
inline bool at_hand(const std::filesystem::path& path) {
  if (std::filesystem::exists(path)) return true;
  const auto* const ci = std::getenv("CI");
  const auto why = path.string() + " is missing; the scripts in fixtures/ fetch it";
  if (ci != nullptr && std::string(ci) == "true") {
    BOOST_ERROR(why);
  } else {
    BOOST_TEST_MESSAGE("skipped: " + why);
  }
  return false;
}

}  // namespace importlock
