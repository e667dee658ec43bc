#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <cstdio>
#include <exception>

#include "cli/look.hpp"
#include "cli/options.hpp"
#include "cli/python_processes.hpp"
#include "cli/results.hpp"
#include "cli/watch.hpp"
#include "render/escape.hpp"

namespace importlock::cli {

namespace {

int run(int argc, const char* const* argv) {
  Options options;
  if (const auto status = parse_options(argc, argv, options)) return *status;
  if (options.watch) return watch(options);
  if (options.all) {
    auto found = python_processes();
    options.targets = std::move(found.pids);
    if (found.unreadable > 0) {
      fmt::print(stderr, "py-importlock: {} {} may not be looked into{}\n", found.unreadable,
                 found.unreadable == 1 ? "process" : "processes",
                 ::geteuid() == 0 ? "" : "; run this with sudo");
    }
    if (options.targets.empty()) {
      fmt::print(stderr, "py-importlock: no CPython process that can be read on this host\n");
    }
  }
  Results results(options, options.targets.size());
  for (const auto& target : options.targets) {
    results.begin(target);
    results.add(look_at(target, options));
  }
  return results.finish();
}

}  // namespace

}  // namespace importlock::cli

int main(int argc, char** argv) {
  // A short life: memory is asked for in few and large pieces, and goes back at the end.
  ::mallopt(M_TOP_PAD, 1 << 20);
  ::mallopt(M_TRIM_THRESHOLD, 64 << 20);
  ::mallopt(M_MMAP_THRESHOLD, 16 << 20);
  try {
    return importlock::cli::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "py-importlock: {}\n", importlock::escaped(error.what()));
    return 2;
  }
}
