#include "cpython/v3/interpreter.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "../../interpreter_files.hpp"
#include "base/error.hpp"
#include "cpython/image.hpp"
#include "cpython/v3/layout_check.hpp"
#include "target/process_target.hpp"

namespace importlock::v3 {

namespace {

namespace fs = std::filesystem;

/// A Python that waits for its standard input, in a function with locals.
class Waiting {
 public:
  explicit Waiting(const fs::path& python) {
    std::array<int, 2> ready{};
    BOOST_REQUIRE(::pipe(ready.data()) == 0 && ::pipe(input_.data()) == 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::dup2(input_[0], STDIN_FILENO);
      ::dup2(ready[1], STDOUT_FILENO);
      for (const int each : {input_[0], input_[1], ready[0], ready[1]}) ::close(each);
      const auto* const program =
          "import os, sys\n"
          "def wait(first, second=2):\n"
          "    os.write(1, ('%d.' * 3 % sys.version_info[:3] + ' ').encode())\n"
          "    os.read(0, 1)\n"
          "wait(1)\n";
      ::execl(python.c_str(), python.c_str(), "-S", "-B", "-c", program, nullptr);
      ::_exit(127);
    }
    ::close(ready[1]);
    ::close(input_[0]);
    for (char byte = 0; ::read(ready[0], &byte, 1) == 1 && byte != ' ';) version_ += byte;
    ::close(ready[0]);
    if (!version_.empty()) version_.pop_back();
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  ~Waiting() {
    ::close(input_[1]);
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  [[nodiscard]] int pid() const { return pid_; }
  /// sys.version_info; empty where the program did not start.
  [[nodiscard]] const std::string& version() const { return version_; }
  [[nodiscard]] unsigned minor() const {
    return static_cast<unsigned>(std::stoul(version_.substr(version_.find('.') + 1)));
  }

 private:
  int pid_ = -1;
  std::array<int, 2> input_{};
  std::string version_;
};

/// Those that CI has, which must be there, and pyenv's where they are.
std::vector<fs::path> pythons() {
  std::vector<fs::path> found;
  for (const auto* const name :
       {"python3.9-bullseye/bin/python3.9", "python3.13-trixie/bin/python3.13",
        "python3.14-sid/bin/python3.14"}) {
    if (const auto path = interpreter_folder() / name; at_hand(path)) found.push_back(path);
  }
  if (const fs::path path = "/usr/bin/python3"; at_hand(path)) found.push_back(path);
  for (const auto& folder : pyenv_folders()) found.push_back(folder / "bin/python3");
  return found;
}

std::vector<Python3> tables() {
  std::vector<Python3> found;
  for (unsigned minor = 0; minor < 100; ++minor) {
    if (const auto table = python3_table(minor, Architecture::x86_64)) found.push_back(*table);
  }
  return found;
}

PythonImage image_of(const Target& target) {
  auto names = exported_names();
  names.insert(names.end(), lock_functions.begin(), lock_functions.end());
  return find_python_image(target, names, [](const PythonImage&) { return true; });
}

/// What is said to that table; nothing where it is taken.
std::string refusal(const Python3& table, const Target& target) {
  std::vector<std::string> problems;
  try {
    interpreter_by(table, image_of(target), target, problems);
  } catch (const TargetError& error) {
    return error.what();
  }
  return {};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(interpreter_of_3)

BOOST_AUTO_TEST_CASE(the_table_of_another_version_is_refused) {
  std::size_t pairs = 0;
  for (const auto& python : pythons()) {
    const Waiting process(python);
    BOOST_REQUIRE_MESSAGE(!process.version().empty(), python << " does not start");
    const auto target = process_target(process.pid(), {});
    for (const auto& table : tables()) {
      const auto why = refusal(table, target);
      BOOST_TEST_MESSAGE(process.version() << " by the table of 3." << table.minor << ": "
                                           << (why.empty() ? "taken" : why));
      const bool fits = table.minor == process.minor();
      BOOST_TEST(why.empty() == fits, process.version() << " by 3." << table.minor << ": " << why);
      BOOST_TEST(why.find('\n') == std::string::npos);
      if (!fits) ++pairs;
    }
  }
  BOOST_TEST(pairs > 0U);
}

/// As if the version had been told rightly, and its table were wrong.
BOOST_AUTO_TEST_CASE(what_tells_of_it_is_not_the_version_alone) {
  for (const auto& python : pythons()) {
    const Waiting process(python);
    BOOST_REQUIRE(!process.version().empty());
    const auto target = process_target(process.pid(), {});
    std::vector<std::string> problems;
    const auto right = interpreter_in(image_of(target), target, problems);
    for (const auto& table : tables()) {
      if (table.minor == process.minor()) continue;
      std::string why;
      Interpreter wrong;
      wrong.version = right.version;
      wrong.variables = right.variables;
      wrong.types = right.types;
      wrong.layout = table.layout;
      wrong.layout.runtime.interpreters_head = right.layout.runtime.interpreters_head;
      why = contradiction(*target.memory, wrong, process.minor());
      BOOST_TEST_MESSAGE(process.version() << " laid out as 3." << table.minor << ": "
                                           << (why.empty() ? "taken" : why));
      BOOST_TEST(!why.empty(), process.version() << " laid out as 3." << table.minor);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace importlock::v3
