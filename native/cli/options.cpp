#include "cli/options.hpp"

#include <CLI/CLI.hpp>

#include "cli/output.hpp"

namespace importlock::cli {

namespace {

constexpr const char* help = R"(Usage: py-importlock [OPTION]... TARGET...
   or: py-importlock [OPTION]... --all
Says which locks of a CPython program hang, who holds them and who waits. A
TARGET is the id of a process or a core file. It is read, never stopped.

  --exe FILE       the target's executable, where it is not at its own path
  --sysroot DIR    a copy of the target's root, or a folder that holds its files
  --debug-dir DIR  where separate debug files are; may be repeated
  --json           write a JSON object, schema "py-importlock/2"; of several
                   targets one a line
  --dot            write who waits for whom as a graph, for Graphviz's dot
  --locals         show the arguments and local variables of each frame
  --frames N       show at most N frames of each thread, 0 for all; else 20
  --width N        fold text at N columns, 0 for never; else at those of the
                   terminal, or 80
  --quiet          write one line a target
  --all            look at every CPython process of this host
  --watch SECONDS  look at a process again and again until something changes
  --help           show this and exit
  --version        show the version and exit

Exit status: 0 nothing hangs, 1 something does, 2 cannot be told; the worst of
several.

Examples:
  py-importlock 4242                      a live process
  py-importlock --sysroot DIR core.4242   a core of another machine
  py-importlock --all --quiet             all of this host, a line each
)";

}  // namespace

std::optional<int> parse_options(int argc, const char* const* argv, Options& options) {
  CLI::App app;
  app.set_help_flag();
  bool show_help = false;
  bool show_version = false;
  bool json = false;
  bool dot = false;
  double watch = 0;
  app.add_flag("--help,-h", show_help);
  app.add_flag("--version", show_version);
  app.add_option("TARGET", options.targets);
  app.add_option("--exe", options.executable);
  app.add_option("--sysroot", options.sysroot);
  app.add_option("--debug-dir", options.debug_directories)->allow_extra_args(false);
  auto* const json_flag = app.add_flag("--json", json);
  auto* const dot_flag = app.add_flag("--dot", dot)->excludes(json_flag);
  app.add_flag("--locals", options.locals);
  app.add_option("--frames", options.frames)->check(CLI::Range(0, 1'000'000));
  app.add_option("--width", options.width)->check(CLI::Range(0, 1'000'000));
  auto* const quiet = app.add_flag("--quiet", options.quiet);
  quiet->excludes(json_flag)->excludes(dot_flag);
  auto* const all = app.add_flag("--all", options.all);
  auto* const watching = app.add_option("--watch", watch)->check(CLI::Range(0.01, 1e6));
  watching->excludes(all)->excludes(json_flag)->excludes(dot_flag);
  const auto bad_usage = [](const std::string& problem) {
    complain(problem + "; see py-importlock --help");
    return 2;
  };
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return bad_usage(error.what());
  }
  if (show_help) {
    write(help);
    return 0;
  }
  if (show_version) {
    write("py-importlock " IMPORTLOCK_VERSION "\n");
    return 0;
  }
  if (options.all && !options.targets.empty()) return bad_usage("--all takes no TARGET");
  if (!options.all && options.targets.empty()) {
    return bad_usage("no TARGET given: the id of a process or a core file");
  }
  if (watching->count() > 0) {
    if (options.targets.size() != 1) return bad_usage("--watch takes one TARGET");
    options.watch = watch;
  }
  options.format = json ? Format::json : dot ? Format::dot : Format::text;
  return std::nullopt;
}

}  // namespace importlock::cli
