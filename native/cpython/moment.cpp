#include "cpython/moment.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/error.hpp"
#include "cpython/objects.hpp"

namespace importlock {

namespace {

constexpr std::size_t most_states = 100'000;

/// The frames of all threads, and the GILs that interpreters of their own have.
void read_states(Objects& objects, const Interpreter& interpreter, Address head,
                 std::unordered_map<PthreadId, Address>& frames, std::vector<LockFacts>& gils) {
  const auto& layout = objects.layout();
  std::unordered_set<Address> seen;
  for (auto each = objects.pointer(head);
       !each.is_null() && seen.insert(each).second && seen.size() < most_states;
       each = objects.pointer(each + layout.interpreter_state.next)) {
    if (const auto own = interpreter.version->own_gil(objects, interpreter, each)) {
      gils.push_back(own->lock);
    }
    for (auto state = objects.pointer(each + layout.interpreter_state.tstate_head);
         !state.is_null() && seen.insert(state).second && seen.size() < most_states;
         state = objects.pointer(state + layout.thread_state.next)) {
      const auto ident = ident_of(objects, state);
      const auto frame = innermost_frame(objects, state);
      // Of several sub-interpreters, the one in which the thread has frames.
      if (!frame.is_null() || !frames.contains(ident)) frames[ident] = frame;
    }
  }
}

}  // namespace

Moment moment_of(const Target& target, Memory& memory, const Interpreter& interpreter) {
  const auto readers = interpreter.version->objects(memory, interpreter);
  auto& objects = *readers;
  Moment moment;
  const auto word = [&](const Known<Address>& variable) {
    try {
      return variable ? objects.pointer(*variable).value() : 0;
    } catch (const FaultError&) {
      return std::uint64_t{0};
    }
  };
  const auto& variables = interpreter.variables;
  const auto lock = word(variables.import_lock);
  const auto level = static_cast<std::uint32_t>(word(variables.import_lock_level));
  moment.import_lock = {lock, word(variables.import_lock_thread), level};
  if (lock != 0) {
    moment.import_lock.push_back(static_cast<std::uint32_t>(word(Address{lock})));
  }
  std::vector<LockFacts> gils;
  try {
    gils.push_back(interpreter.version->gil_lock(objects, interpreter));
  } catch (const Error&) {
    // Then a turn with it counts as a wait.
  }
  try {
    if (variables.interp_head) {
      read_states(objects, interpreter, *variables.interp_head, moment.frames, gils);
    }
  } catch (const Error&) {
    // A list that breaks off is what movement() sees, or what capture() reports.
  }
  for (const auto& thread : target.threads) {
    auto& blocked = moment.threads[thread.lwp];
    if (!thread.system_call || !*thread.system_call) continue;
    const auto& call = **thread.system_call;
    const bool turn = std::ranges::any_of(
        gils, [&](const LockFacts& gil) { return call.futex && gil.spans(*call.futex); });
    if (!turn) blocked = call;
  }
  return moment;
}

Movement movement(const Moment& before, const Moment& after,
                  const std::vector<ThreadFacts>& facts) {
  Movement moved;
  moved.lock = before.import_lock != after.import_lock;
  moved.thread_states =
      before.threads.size() != after.threads.size() || before.frames.size() != after.frames.size();
  std::unordered_map<Lwp, PthreadId> idents;
  for (const auto& thread : facts) {
    if (thread.lwp && thread.ident) idents.emplace(*thread.lwp, *thread.ident);
  }
  // Nothing of a thread whose state is not in the list, which may have broken off.
  const auto frame_of = [&](const Moment& moment, Lwp lwp) -> std::optional<Address> {
    const auto ident = idents.find(lwp);
    if (ident == idents.end()) return std::nullopt;
    const auto found = moment.frames.find(ident->second);
    return found == moment.frames.end() ? std::nullopt : std::optional(found->second);
  };
  for (const auto& [lwp, was] : before.threads) {
    const auto found = after.threads.find(lwp);
    if (found == after.threads.end()) {
      moved.thread_states = true;
      continue;
    }
    const auto& is = found->second;
    const auto frame_was = frame_of(before, lwp);
    const auto frame_is = frame_of(after, lwp);
    const bool frames_differ = frame_was && frame_is && *frame_was != *frame_is;
    const bool same = was && is && *was == *is && !frames_differ;
    if (!same && (was || is)) moved.threads.insert(lwp);
  }
  return moved;
}

std::optional<std::size_t> owner_on_its_way(const Moment& moment, const Snapshot& snapshot) {
  const auto& owner = snapshot.import_lock.owner;
  if (!owner || !*owner) return std::nullopt;
  for (std::size_t i = 0; i < snapshot.threads.size(); ++i) {
    const auto& thread = snapshot.threads[i];
    if (!thread.lwp || thread.ident != **owner || !thread.import_lock_evidence.empty()) continue;
    const auto found = moment.threads.find(*thread.lwp);
    if (found != moment.threads.end() && !found->second) return i;
  }
  return std::nullopt;
}

void mistrust(const Movement& moved, Snapshot& snapshot) {
  std::string what;
  const auto add = [&](const std::string& part) { what += (what.empty() ? "" : ", ") + part; };
  if (moved.lock) add("the import lock changed");
  if (moved.thread_states) add("threads came or went");
  // A lock that changes hands is not held for ever.
  const auto& holder = snapshot.import_lock.owner;
  const auto had_lock = [&](const ThreadFacts& thread) {
    return moved.lock && holder && *holder && thread.ident == **holder;
  };
  snapshot.ran_on = true;
  snapshot.threads_changed = moved.thread_states;
  std::size_t number = 0;
  std::string some;
  constexpr std::size_t most_named = 5;
  for (auto& thread : snapshot.threads) {
    if (had_lock(thread)) {
      thread.system_call = std::optional<SystemCall>();
      thread.wait.reset();
    }
    if (!thread.lwp || !moved.threads.contains(*thread.lwp)) continue;
    thread.whole = false;
    thread.system_call = std::optional<SystemCall>();
    if (++number <= most_named) some += fmt::format("{}{}", number == 1 ? "" : ", ", *thread.lwp);
  }
  if (number > 0) {
    add(fmt::format("LWP {}{} moved", some, number > most_named ? " and others" : ""));
  }
  snapshot.problems.push_back(fmt::format(
      "the process ran on while it was read ({}): what is shown may be of different moments; look "
      "again, or look with gdb, which stops it",
      what));
}

}  // namespace importlock
