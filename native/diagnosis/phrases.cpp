#include "diagnosis/phrases.hpp"

#include <fmt/format.h>

#include <cmath>
#include <string_view>

namespace importlock {

std::string label(const ThreadFacts& thread) {
  const auto lwp = thread.lwp ? fmt::format("LWP {}", *thread.lwp) : std::string("no LWP");
  return thread.name.empty() ? lwp : fmt::format("{} ({})", thread.name, lwp);
}

std::string place(const std::string& file, int line) {
  return fmt::format("{}:{}", file.substr(file.rfind('/') + 1), line);
}

std::string place_of(const ThreadFacts& thread, std::size_t frame) {
  if (frame >= thread.frames.size()) return "";
  return place(thread.frames[frame].file.str(), thread.frames[frame].line);
}

std::string own_place_of(const ThreadFacts& thread, std::size_t frame) {
  auto own = frame;
  while (own < thread.frames.size() && thread.frames[own].library) ++own;
  return place_of(thread, own < thread.frames.size() ? own : frame);
}

bool is_program_lock(const Wait& wait) {
  switch (wait.kind) {
    case WaitKind::lock:
    case WaitKind::rlock:
    case WaitKind::mutex:
    case WaitKind::native_lock:
    case WaitKind::process_lock: return true;
    default: return false;
  }
}

std::string name_of_lock(const Wait& wait) {
  if (wait.kind == WaitKind::module_lock) return "module lock of " + wait.what;
  return wait.name.empty() ? wait.what : fmt::format("{} {}", wait.what, wait.name);
}

std::string phrase(const Wait& wait) {
  const auto with_article = [&] {
    if (!wait.name.empty()) return fmt::format("the {} {}", wait.what, wait.name);
    if (wait.what.starts_with("GIL")) return "the " + wait.what;
    constexpr std::string_view vowels = "aER";  // an RLock
    const bool vowel = !wait.what.empty() && vowels.find(wait.what.front()) != vowels.npos;
    return (vowel ? "an " : "a ") + wait.what;
  };
  switch (wait.kind) {
    case WaitKind::import_lock:
    case WaitKind::gil: return "the " + wait.what;
    case WaitKind::module_lock: return "the module lock of " + wait.what;
    case WaitKind::join: return "the end of " + wait.what;
    case WaitKind::lock:
    case WaitKind::rlock:
    case WaitKind::mutex:
    case WaitKind::native_lock:
    case WaitKind::condition:
    case WaitKind::event:
    case WaitKind::queue:
    case WaitKind::semaphore:
    case WaitKind::future:
    case WaitKind::process_lock: return with_article();
    case WaitKind::child_process:
    case WaitKind::io:
    case WaitKind::sleep:
    case WaitKind::unknown: return wait.what;
  }
  return wait.what;
}

std::string waits_clause(const Wait& wait) {
  switch (wait.kind) {
    case WaitKind::child_process:
    case WaitKind::io:
    case WaitKind::sleep: return "is blocked in " + wait.what;
    case WaitKind::unknown:
      return "waits for another thread, for a reason that cannot be told (" + wait.what + ")";
    default: return "waits for " + phrase(wait);
  }
}

std::string_view verb_that_ends(WaitKind kind) {
  switch (kind) {
    case WaitKind::event: return "set";
    case WaitKind::condition: return "notify";
    case WaitKind::queue: return "serve";
    case WaitKind::future: return "complete";
    default: return "release";
  }
}

std::string time_left(const Wait& wait) {
  if (!wait.seconds_left) return "";
  // Up, since it is the most that it can be.
  const auto seconds = std::ceil(*wait.seconds_left);
  return fmt::format(", for at most {:.0f} more second{}", seconds, seconds == 1 ? "" : "s");
}

std::string wait_sentence(const ThreadReport& thread) {
  const auto& wait = *thread.waits_for;
  auto sentence = fmt::format("{} {}", label(thread.facts), waits_clause(wait));
  if (!wait.because.empty() && wait.because != "with" && wait.because != wait.what) {
    sentence += " in " + wait.because;
  }
  if (const auto at = place_of(thread.facts, wait.frame); !at.empty()) {
    const auto own = own_place_of(thread.facts, wait.frame);
    sentence += own == at ? fmt::format(" ({})", at) : fmt::format(" ({}, called at {})", at, own);
  }
  return sentence + time_left(wait);
}

std::string count(std::size_t number, std::string_view noun) {
  return fmt::format("{} {}{}", number, noun, number == 1 ? "" : "s");
}

}  // namespace importlock
