#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace importlock::cli {

enum class Format { text, json, dot };

struct Options {
  std::vector<std::string> targets;  ///< pids and paths of cores
  bool all = false;                  ///< every CPython process of this host instead
  std::string executable;
  std::string sysroot;
  std::vector<std::string> debug_directories;
  Format format = Format::text;
  bool locals = false;
  std::size_t frames = 20;           ///< of each thread; 0: all
  std::optional<std::size_t> width;  ///< columns of text; 0: no limit; none: as output_width()
  bool quiet = false;
  std::optional<double> watch;  ///< seconds between looks
};

/// Reads the command line. Gives the exit status where nothing is left to do: after --help,
/// --version (0), and after bad usage (2), of which one line on standard error says what was wrong.
std::optional<int> parse_options(int argc, const char* const* argv, Options& options);

}  // namespace importlock::cli
