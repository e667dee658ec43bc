#include <malloc.h>

#include <algorithm>
#include <exception>
#include <memory>
#include <new>
#include <utility>

#include "cli/look.hpp"
#include "cli/memory_limit.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "cli/python_processes.hpp"
#include "cli/results.hpp"
#include "cli/watch.hpp"

namespace importlock::cli {

namespace {

int look_at_all(const Options& options) {
  Results results(options, options.targets.size());
  // The last one's memory goes with the process: to give back a large report piece by piece takes
  // longer.
  [[maybe_unused]] static const Outcome* last = nullptr;
  for (std::size_t i = 0; i < options.targets.size(); ++i) {
    results.begin(options.targets[i]);
    auto outcome = std::make_unique<Outcome>(look_at(options.targets[i], options));
    results.add(*outcome);
    if (i + 1 == options.targets.size()) last = outcome.release();
  }
  return results.finish();
}

int look_at_every_process(Options& options) {
  auto found = python_processes();
  options.targets = std::move(found.pids);
  const auto skipped = found.what_was_skipped();
  if (!skipped.empty()) {
    complain(skipped);
  } else if (options.targets.empty()) {
    complain("no CPython process on this host");
  }
  return std::max(look_at_all(options), skipped.empty() ? 0 : 2);
}

int run(int argc, const char* const* argv) {
  take_standard_descriptors();
  Options options;
  auto status = parse_options(argc, argv, options);
  if (!status) {
    status = options.watch ? watch(options)
             : options.all ? look_at_every_process(options)
                           : look_at_all(options);
  }
  finish_output();
  return *status;
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
  } catch (const std::bad_alloc&) {
    importlock::cli::complain_of_memory();
  } catch (const std::exception& error) {
    importlock::cli::complain(error.what());
  }
  return 2;
}
