#include "render/names.hpp"

#include <array>
#include <cstddef>

namespace importlock {

namespace {

template <std::size_t N, typename Kind>
std::string_view pick(const std::array<std::string_view, N>& names, Kind kind) {
  return names.at(static_cast<std::size_t>(kind));
}

}  // namespace

std::string_view name_of(TargetKind kind) {
  return pick(std::array<std::string_view, 3>{"process", "core", "remote"}, kind);
}
std::string_view name_of(FoundBy found_by) {
  return pick(std::array<std::string_view, 4>{"symtab", "debug-file", "code", "runtime"}, found_by);
}
std::string_view name_of(ImportLockState state) {
  return pick(std::array<std::string_view, 4>{"held", "free", "never-used", "unknown"}, state);
}
std::string_view name_of(GilState state) {
  return pick(std::array<std::string_view, 5>{"held", "free", "not-created", "none", "unknown"},
              state);
}
std::string_view name_of(WaitKind kind) {
  return pick(
      std::array<std::string_view, 18>{"import-lock", "module-lock", "gil", "join", "lock", "rlock",
                                       "mutex", "native-lock", "condition", "event", "queue",
                                       "semaphore", "future", "process-lock", "child-process", "io",
                                       "sleep", "unknown"},
      kind);
}
std::string_view name_of(VerdictKind kind) {
  return pick(std::array<std::string_view, 6>{"deadlock", "orphaned", "stalled", "importing",
                                              "free", "unknown"},
              kind);
}

std::string short_name_of(const Wait& wait) {
  return wait.kind == WaitKind::module_lock ? "module lock of " + wait.what : wait.what;
}

}  // namespace importlock
