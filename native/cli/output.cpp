#include "cli/output.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/error.hpp"
#include "render/escape.hpp"

namespace importlock::cli {

namespace {

[[noreturn]] void throw_for_output() { throw FileError("cannot write standard output", errno); }

}  // namespace

void take_standard_descriptors() {
  const auto closed = [](int descriptor) { return ::fcntl(descriptor, F_GETFD) < 0; };
  // The first that is opened has the lowest number that is free.
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (!closed(descriptor)) continue;
    if (descriptor == STDOUT_FILENO) throw_for_output();
    // Not to be written to either.
    if (::open("/dev/null", O_RDONLY) != descriptor) throw FileError("/dev/null", errno);
  }
}

void write(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) < text.size()) throw_for_output();
}

void flush_output() {
  if (std::fflush(stdout) != 0) throw_for_output();
}

void finish_output() {
  // Some file systems tell only then that there was no room.
  if (std::fclose(stdout) != 0) throw_for_output();
}

void complain(std::string_view line) {
  const auto text = fmt::format("py-importlock: {}\n", escaped(line));
  std::fwrite(text.data(), 1, text.size(), stderr);
}

}  // namespace importlock::cli
