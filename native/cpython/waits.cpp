#include "cpython/waits.hpp"

#include <algorithm>
#include <string_view>

#include "base/error.hpp"

namespace importlock {

namespace {

using Kind = PythonWait::Kind;

constexpr std::size_t longest_expression = 200;
constexpr std::size_t most_expressions = 10'000;  // that are remembered
constexpr std::size_t most_held = 100;            // of one thread

FormatError unknown_lock() {
  return FormatError("the lock that it takes is not of the type that thread knows");
}

/// What is called, of "Queue.get".
std::string_view method_of(std::string_view call) { return call.substr(call.rfind('.') + 1); }

/// Whether code of that file and name is what the library is recognised by.
bool waits_by_name(const Code& code, const Names& names) {
  return std::ranges::any_of(names.waiting_code, [&](const Names::WaitingCode& waiting) {
    return code.name == waiting.name && code.file.ends_with(waiting.file);
  });
}

}  // namespace

std::optional<PthreadId> WaitReader::ident_of(Address thread) {
  const auto ident = objects_.integer(objects_.attribute(thread, names().thread.ident));
  if (!ident) return std::nullopt;
  // Idents are reused: it is this thread's only while threading itself says so.
  const auto active = library_.active.find(objects_.ident(*ident));
  if (active == library_.active.end() || active->second != thread) return std::nullopt;
  return objects_.ident(*ident);
}

bool WaitReader::has_stopped(Address thread) {
  if (names().thread.stopped.empty()) return true;  // by what _active says
  // Lib/threading.py, Thread.__bootstrap_inner and _after_fork: __stopped is set before the thread
  // is taken out of _active.
  return objects_.integer(objects_.attribute(thread, names().thread.stopped)).value_or(0) != 0;
}

WaitReader::Lock WaitReader::process_lock(Address semlock) {
  Lock lock;
  lock.address = semlock;
  lock.what = "Lock of multiprocessing";
  lock.kind = Kind::process_lock;
  return lock;
}

bool WaitReader::is_none(Address object) {
  return !object.is_null() && object == objects_.types().none;
}

bool WaitReader::holds_mutex(Address type, Layout::Offset size_with_mutex) {
  return objects_.pointer(type + objects_.layout().type.tp_basicsize).value() == size_with_mutex;
}

Address WaitReader::allocated_lock(Address member) {
  // Modules/threadmodule.c, newlockobject: there is no lock object without one.
  const auto lock = objects_.pointer(member);
  if (lock.is_null()) throw FormatError("a lock object has no lock");
  return lock;
}

std::optional<WaitReader::Lock> WaitReader::c_lock_of(Address object) {
  const auto& layout = objects_.layout();
  if (objects_.is(object, library_.lock)) {
    Lock lock;
    lock.address = object + layout.lock.lock_lock;
    if (!holds_mutex(library_.lock, layout.lock.size_with_mutex)) {
      lock.address = allocated_lock(lock.address);
    }
    return lock;
  }
  if (library_.rlock.is_null() || !objects_.derives_from(object, library_.rlock)) {
    return std::nullopt;
  }
  Lock lock;
  lock.what = "RLock";
  lock.kind = Kind::rlock;
  lock.address = object + layout.rlock.rlock_lock;
  const PthreadId owner{objects_.pointer(object + layout.rlock.rlock_owner).value()};
  if (holds_mutex(library_.rlock, layout.rlock.size_with_mutex)) {
    // Python/lock.c, _PyRecursiveMutex: nobody is 0.
    if (owner != PthreadId{}) lock.owner = owner;
    return lock;
  }
  lock.address = allocated_lock(lock.address);
  // Modules/_threadmodule.c: the owner counts while the count is not 0.
  if (!objects_.pointer(object + layout.rlock.rlock_count).is_null()) lock.owner = owner;
  return lock;
}

std::optional<WaitReader::Lock> WaitReader::lock_of(Address object) {
  // A Condition of a Condition is no lock that threading makes; three steps reach any lock.
  for (int step = 0; step < 3 && !object.is_null(); ++step) {
    if (auto lock = c_lock_of(object)) return lock;
    if (objects_.derives_from(object, library_.process_lock) ||
        objects_.derives_from(object, library_.process_rlock)) {
      return process_lock(objects_.attribute(object, "_semlock"));
    }
    if (objects_.derives_from(object, library_.python_rlock)) {
      auto lock = lock_of(objects_.attribute(object, names().rlock.block));
      if (!lock) return std::nullopt;
      lock->what = "RLock";
      lock->kind = Kind::rlock;
      const auto owner = objects_.attribute(object, names().rlock.owner);
      if (const auto ident = objects_.integer(owner)) {
        lock->owner = objects_.ident(*ident);
      } else if (!is_none(owner)) {
        throw FormatError("the owner of an RLock is neither a thread's id nor None");
      }
      return lock;
    }
    if (!objects_.derives_from(object, library_.condition)) return std::nullopt;
    object = objects_.attribute(object, names().condition.lock);
  }
  return std::nullopt;
}

std::optional<WaitReader::Lock> WaitReader::lock_being_taken(const RawFrame& frame,
                                                             std::string& call) {
  const auto instruction = frames_.instruction(frame);
  if (!instruction) return std::nullopt;
  if (frames_.enters_with(frame, *instruction)) {
    // Python/ceval.c: __exit__ has taken the place of the object when __enter__ runs, up to 3.11.
    for (const int depth : frames_.stack_depths(frame)) {
      if (depth < 1) continue;
      const auto top = frames_.stack_slot(frame, static_cast<std::size_t>(depth) - 1);
      const auto exit = frames_.c_function(top);
      const auto lock = c_lock_of(exit ? exit->self : top);
      if (exit && !lock && exit->name == names().lock_exit) throw unknown_lock();
      if (!lock) continue;
      call = "with";
      return lock;
    }
    return std::nullopt;
  }
  const auto callee = frames_.callee(frame);
  if (!callee) return std::nullopt;
  if (callee->name == "_multiprocessing.SemLock.acquire" ||
      callee->name == "_multiprocessing.SemLock.__enter__") {
    call = "acquire";
    return process_lock(callee->self);
  }
  auto lock = c_lock_of(callee->self);
  if (!lock && callee->name.starts_with(names().lock_methods)) throw unknown_lock();
  if (lock) call = callee->name == names().rlock_restore ? "Condition.wait" : "acquire";
  return lock;
}

std::size_t WaitReader::caller(const std::vector<RawFrame>& frames, std::size_t from) const {
  while (from + 1 < frames.size() && library_.files.contains(frames[from].code->file)) ++from;
  return from;
}

PythonWait WaitReader::join_of(Address thread) {
  PythonWait wait;
  wait.kind = Kind::join;
  wait.call = "Thread.join";
  wait.what = objects_.text(objects_.attribute(thread, names().thread.name)).value_or("a thread");
  wait.thread = ident_of(thread);
  if (!wait.thread && !has_stopped(thread)) {
    throw FormatError("threading does not know the thread that is joined");
  }
  return wait;
}

void WaitReader::find_joined(PythonWait& wait, Address event) {
  // Modules/_threadmodule.c, ThreadHandle_join.
  const auto& at = objects_.layout().thread_handle;
  for (const auto& [ident, thread] : library_.active) {
    const auto handle = objects_.attribute(thread, names().thread.handle);
    if (handle.is_null() || objects_.pointer(handle + at.handle) + at.thread_is_exiting != event) {
      continue;
    }
    const auto joined = join_of(thread);
    wait.what = joined.what;
    wait.thread = joined.thread;
    return;
  }
}

Address WaitReader::thread_ended_by(Address lock) {
  for (const auto& [ident, thread] : library_.active) {
    const auto end = c_lock_of(objects_.attribute(thread, names().thread.end_lock));
    if (end && end->address == lock) return thread;
  }
  return {};
}

std::optional<PythonWait> WaitReader::module_lock_wait(const std::vector<RawFrame>& frames) {
  // Lib/importlib/_bootstrap.py: it waits for the lock `wakeup`, and a moment for `lock`.
  std::string call;
  if (!lock_being_taken(frames[0], call)) return std::nullopt;
  const auto lock = frames_.argument(frames[0], 0);
  const auto& at = names().module_lock;
  PythonWait wait;
  wait.kind = Kind::module_lock;
  wait.lock = lock;
  wait.what = objects_.text(objects_.attribute(lock, at.name)).value_or("a module");
  const auto owner = objects_.attribute(lock, at.owner);
  if (const auto ident = objects_.integer(owner)) {
    wait.thread = objects_.ident(*ident);
  } else if (!is_none(owner)) {
    throw FormatError("the owner of a module's lock is neither a thread's id nor None");
  }
  wait.call = "import " + wait.what;
  wait.frame = caller(frames, 0);
  return wait;
}

PythonWait WaitReader::condition_wait(const std::vector<RawFrame>& frames) {
  const auto timeout = frames_.argument(frames[0], 1);
  if (timeout.is_null()) throw FormatError("a Condition is waited for without its time-out");
  PythonWait wait;
  wait.kind = Kind::condition;
  wait.what = "Condition";
  wait.call = "Condition.wait";
  wait.timed = !is_none(timeout);
  const auto waits_in = [&](Kind kind, const char* what, const char* call) {
    wait.kind = kind;
    wait.what = what;
    wait.call = call;
  };
  std::size_t outer = 1;
  while (function(frames, outer) == Function::condition_wait_for) ++outer;
  switch (function(frames, outer).value_or(Function::condition_wait)) {
    case Function::event_wait:
      waits_in(Kind::event, "Event", "Event.wait");
      switch (function(frames, outer + 1).value_or(Function::event_wait)) {
        case Function::thread_start: wait.call = "Thread.start"; break;
        case Function::pool_result_wait:
          waits_in(Kind::condition, "Condition (result of a pool)", "ApplyResult.wait");
          break;
        case Function::futures_wait:
          waits_in(Kind::future, "Future", "concurrent.futures.wait");
          break;
        case Function::futures_as_completed:
          waits_in(Kind::future, "Future", "concurrent.futures.as_completed");
          break;
        default: break;
      }
      break;
    case Function::semaphore_acquire:
      waits_in(Kind::semaphore, "Semaphore", "Semaphore.acquire");
      break;
    case Function::barrier_wait: waits_in(Kind::barrier, "Barrier", "Barrier.wait"); break;
    case Function::future_result: waits_in(Kind::future, "Future", "Future.result"); break;
    case Function::queue_get: waits_in(Kind::queue, "Queue", "Queue.get"); break;
    case Function::queue_put: waits_in(Kind::queue, "Queue", "Queue.put"); break;
    case Function::queue_join: waits_in(Kind::queue, "Queue", "Queue.join"); break;
    case Function::pool_result_wait:
      waits_in(Kind::condition, "Condition (result of a pool)", "ApplyResult.wait");
      break;
    case Function::thread_join: {
      const bool timed = wait.timed;
      wait = join_of(frames_.argument(frames[outer], 0));
      wait.timed = timed;
      break;
    }
    default: break;
  }
  wait.frame = caller(frames, 0);
  const bool waits_for = outer > 1 && wait.call == "Condition.wait";
  wait.name = receiver(frames[wait.frame], waits_for ? "wait_for" : method_of(wait.call));
  if (wait.timed) {
    wait.seconds_left = seconds_left(frames[0], timeout);
    find_loop(wait, frames);
  }
  return wait;
}

std::optional<PythonWait> WaitReader::wait(const std::vector<RawFrame>& frames) {
  if (frames.empty()) return std::nullopt;
  for (std::size_t i = 0; i < std::min<std::size_t>(2, frames.size()); ++i) {
    if (!function(frames, i) && waits_by_name(*frames[i].code, names())) {
      throw FormatError("it waits in code of the library that no module there has");
    }
  }
  PythonWait wait;
  const auto take = [&](const Lock& lock) {
    wait.kind = lock.kind;
    wait.what = lock.what;
    wait.lock = lock.address;
    wait.thread = lock.owner;
    wait.frame = caller(frames, 0);
    wait.name = receiver(frames[wait.frame], "acquire");
  };

  const auto innermost = function(frames, 0);
  if (innermost == Function::module_lock_acquire) return module_lock_wait(frames);
  if (innermost == Function::rlock_acquire || innermost == Function::rlock_acquire_restore) {
    const auto lock = lock_of(frames_.argument(frames[0], 0));
    if (!lock) throw FormatError("the RLock that it takes has no lock of the type of locks");
    take(*lock);
    wait.call =
        function(frames, 1) == Function::condition_wait ? "Condition.wait" : "RLock.acquire";
    return wait;
  }
  const bool may_be_c = !names().rlock_restore.empty();
  const auto callee = may_be_c ? frames_.callee(frames[0]) : std::nullopt;
  const bool restores = callee && callee->name == names().rlock_restore;
  if (innermost == Function::condition_wait && !restores) return condition_wait(frames);
  if (callee && callee->name == names().simple_queue_get) {
    wait.kind = Kind::queue;
    wait.what = "SimpleQueue";
    wait.call = "SimpleQueue.get";
    wait.frame = caller(frames, 0);
    wait.name = receiver(frames[wait.frame], "get");
    return wait;
  }
  if (innermost == Function::exit_wait && callee && callee->name == names().shutdown) {
    // Of 3.13: it waits for one thread after the other.
    wait.kind = Kind::join;
    wait.what = "threads that are no daemons";
    wait.call = "threading._shutdown";
    return wait;
  }
  if (innermost == Function::thread_join && callee) {
    // Of 3.13: the handle's own join waits.
    wait = join_of(frames_.argument(frames[0], 0));
    wait.frame = caller(frames, 0);
    wait.name = receiver(frames[wait.frame], "join");
    return wait;
  }
  const auto lock = lock_being_taken(frames[0], wait.call);
  if (!lock) return std::nullopt;
  // Lib/threading.py of 3.6 to 3.12, Thread._wait_for_tstate_lock and _shutdown.
  const auto ends = innermost == Function::thread_wait_for_end ? frames_.argument(frames[0], 0)
                    : innermost == Function::exit_wait         ? thread_ended_by(lock->address)
                                                               : Address{};
  if (!ends.is_null()) {
    wait = join_of(ends);
    wait.frame = caller(frames, 0);
    wait.name = receiver(frames[wait.frame], "join");
    return wait;
  }
  take(*lock);
  return wait;
}

std::optional<double> WaitReader::seconds_left(const RawFrame& frame, Address timeout) {
  // Lib/threading.py of 2.7, Condition.wait polls and keeps what is left, renewed every 50 ms.
  const auto& variables = frame.code->variables;
  for (std::size_t i = 0; i < variables.size(); ++i) {
    if (objects_.name(variables[i]) != "remaining") continue;
    if (const auto left = objects_.real(frames_.argument(frame, i))) return std::max(*left, 0.0);
  }
  return objects_.real(timeout);
}

void WaitReader::find_loop(PythonWait& wait, const std::vector<RawFrame>& frames) {
  for (auto i = wait.frame; i < frames.size(); ++i) {
    const auto line = frames_.loop_around(frames[i]);
    if (!line) continue;
    wait.loop = i;
    wait.loop_line = *line;
    return;
  }
}

const std::string& WaitReader::expression(const RawFrame& frame, std::size_t end,
                                          std::string_view method) {
  if (expressions_.size() > most_expressions) expressions_.clear();
  const auto [entry, fresh] =
      expressions_.try_emplace({frame.code_address, end, std::string(method)});
  if (fresh) entry->second = read_expression(frame, end, method);
  return entry->second;
}

std::string WaitReader::read_expression(const RawFrame& frame, std::size_t end,
                                        std::string_view method) {
  std::string text;
  std::string receiver;
  const auto& code = frame.code->bytes;
  for (std::size_t at = 0; at < std::min(end, code.size());) {
    const auto instruction = frames_.step(frame, at);
    if (!instruction || instruction->start >= end) break;
    switch (instruction->opcode) {
      case Opcode::load_name:
      case Opcode::load_global: text = frames_.name_operand(frame, *instruction); break;
      case Opcode::load_fast:
        text = instruction->argument < frame.code->variables.size()
                   ? objects_.name(frame.code->variables[instruction->argument])
                   : "";
        break;
      case Opcode::load_attr: {
        const auto name = frames_.name_operand(frame, *instruction);
        if (name == method) receiver = text;
        if (!text.empty() && text.size() < longest_expression) text.append(".").append(name);
        break;
      }
      default: text.clear();
    }
    at = instruction->next;
  }
  return method.empty() ? text : receiver;
}

std::string WaitReader::receiver(const RawFrame& frame, std::string_view method) {
  const auto instruction = frames_.instruction(frame);
  if (!instruction) return "";
  const bool with = frames_.enters_with(frame, *instruction);
  return expression(frame, static_cast<std::size_t>(frame.lasti), with ? "" : method);
}

Address WaitReader::released_in(const RawFrame& frame, std::size_t handler, std::string& text) {
  Address object;
  Address condition;  // what was loaded last
  const auto& code = frame.code->bytes;
  constexpr std::size_t longest_handler = 512;
  for (std::size_t at = handler; at < std::min(code.size(), handler + longest_handler);) {
    const auto instruction = frames_.step(frame, at);
    if (!instruction || instruction->opcode == Opcode::end_finally) break;
    if (instruction->branches) {
      // `if taken: lock.release()`, where it need not have been taken.
      if (objects_.integer(condition).value_or(0) == 0) break;
    } else if (instruction->opcode == Opcode::load_attr) {
      const auto name = frames_.name_operand(frame, *instruction);
      if (name == "release" && !object.is_null()) {
        text = expression(frame, at, "");
        return object;
      }
      object = object.is_null() ? object : objects_.attribute(object, name);
      condition = object;
    } else {
      object = frames_.variable(frame, *instruction);
      if (!object.is_null() || instruction->opcode == Opcode::call_function) condition = object;
    }
    at = instruction->next;
  }
  return {};
}

std::optional<HeldLock> WaitReader::held_by(const RawFrame& frame, const Block& block,
                                            PthreadId ident) {
  const bool with = block.kind == Block::Kind::with;
  HeldLock held;
  Address object;
  if (with && block.level > 0) {
    // Since 3.14 __exit__ lies below its object, or below NULL where it is bound to that.
    auto exit = frames_.stack_slot(frame, block.level - 1);
    if (exit.is_null() && block.level > 1) exit = frames_.stack_slot(frame, block.level - 2);
    if (const auto function = frames_.c_function(exit)) {
      object = function->self;
    } else if (objects_.is(exit, objects_.types().method)) {
      object = objects_.pointer(exit + objects_.layout().method.im_self);
    } else {
      object = exit;
    }
  } else if (block.kind == Block::Kind::try_finally) {
    object = released_in(frame, block.handler, held.name);
  }
  const auto lock = lock_of(object);
  if (!lock || lock->address.is_null()) return std::nullopt;
  if (lock->kind == Kind::rlock && lock->owner != ident) {
    // Unless the block itself has let go of it, for a thread that lives.
    const auto& known = library_.active;
    if (with && lock->owner && known.contains(ident) && !known.contains(*lock->owner)) {
      throw FormatError("it is in a with block of an RLock whose owner is no thread");
    }
    return std::nullopt;
  }
  held.lock = lock->address;
  held.what = lock->what;
  held.shown = with ? HeldLock::Shown::with_block : HeldLock::Shown::finally_block;
  held.file = frame.code->file;
  held.line = frame.line;
  // Before a `finally` the lock was taken by the last `X.acquire()`.
  const auto& code = frame.code->bytes;
  std::size_t acquired = 0;
  for (std::size_t at = 0; at < std::min(code.size(), block.handler);) {
    const auto instruction = frames_.step(frame, at);
    if (!instruction) break;
    if (instruction->opcode == Opcode::load_attr &&
        frames_.name_operand(frame, *instruction) == "acquire" &&
        expression(frame, at, "") == held.name) {
      acquired = at;
    } else if (frames_.enters(*instruction, block)) {
      const auto start = !with && acquired > 0 ? acquired : at;
      held.line = frames_.line_of(*frame.code, static_cast<int>(start));
      if (with) held.name = expression(frame, at, "");
      break;
    }
    at = instruction->next;
  }
  return held;
}

std::vector<HeldLock> WaitReader::held(const std::vector<RawFrame>& frames, PthreadId ident,
                                       std::string& problem) {
  std::vector<HeldLock> result;
  // Locks that a Condition.wait further in has let go of.
  std::vector<Address> let_go;
  std::vector<HeldLock> acquired;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const auto& frame = frames[i];
    try {
      for (const auto& block : frames_.blocks(frame)) {
        auto held = held_by(frame, block, ident);
        if (result.size() == most_held) return result;
        if (!held || std::ranges::find(let_go, held->lock) != let_go.end() ||
            std::ranges::find(result, held->lock, &HeldLock::lock) != result.end()) {
          continue;
        }
        held->frame = i;
        result.push_back(std::move(*held));
      }
      const auto before = acquired.size();
      lost_.clear();
      add_acquired(frame, ident, acquired);
      if (problem.empty()) problem = lost_;
      for (auto at = before; at < acquired.size(); ++at) acquired[at].frame = i;
      if (library_.function(frame.code_address) == Function::condition_wait) {
        if (const auto lock = lock_of(frames_.argument(frame, 0))) let_go.push_back(lock->address);
      }
    } catch (const Error& error) {
      // A frame that cannot be read shows nothing; the others may.
      if (problem.empty()) problem = error.what();
    }
  }
  for (auto& held : acquired) {
    if (result.size() == most_held) break;
    const auto known = std::ranges::find(result, held.lock, &HeldLock::lock);
    if (known == result.end()) result.push_back(std::move(held));
  }
  return result;
}

bool WaitReader::mentions(const RawFrame& frame, std::string_view name) {
  const auto [entry, fresh] = mentions_.try_emplace({frame.code_address, name});
  if (fresh) {
    entry->second = std::ranges::any_of(frame.code->names,
                                        [&](Address text) { return objects_.name(text) == name; });
  }
  return entry->second;
}

std::optional<WaitReader::Lock> WaitReader::lock_or_nothing(Address object) {
  try {
    return lock_of(object);
  } catch (const FaultError& error) {
    lost_ = error.what();
  } catch (const Error&) {
    // An object of another kind has none.
  }
  return std::nullopt;
}

Address WaitReader::attribute_or_null(Address object, std::string_view name) {
  try {
    return objects_.attribute(object, name);
  } catch (const FaultError& error) {
    lost_ = error.what();
  } catch (const Error&) {
    // An object of another kind has none.
  }
  return {};
}

bool WaitReader::is_tested(const RawFrame& frame, std::size_t offset) {
  // TO_BOOL or `not` can come between.
  constexpr int most = 2;
  for (int i = 0; i < most; ++i) {
    const auto instruction = frames_.step(frame, offset);
    if (!instruction) return false;
    if (instruction->branches || (i == 0 && instruction->opcode == Opcode::pop_top)) return true;
    offset = instruction->next;
  }
  return false;
}

void WaitReader::add_acquired(const RawFrame& frame, PthreadId ident,
                              std::vector<HeldLock>& acquired) {
  if (!mentions(frame, "acquire") || library_.owns(frame.code->file)) return;
  const auto end = static_cast<std::size_t>(std::max(frame.lasti, 0));
  const auto first = static_cast<std::ptrdiff_t>(acquired.size());
  Address object;
  std::string method;
  std::size_t loaded = 0;
  for (std::size_t at = 0; at < end;) {
    const auto instruction = frames_.step(frame, at);
    if (!instruction || instruction->start >= end) break;
    if (instruction->opcode == Opcode::load_attr) {
      method = frames_.name_operand(frame, *instruction);
      loaded = at;
      if (method != "acquire" && method != "release") {
        object = attribute_or_null(object, method);
        method.clear();
      }
    } else if (instruction->opcode == Opcode::call_function && !method.empty()) {
      if (const auto lock = lock_or_nothing(object); lock && !lock->address.is_null()) {
        const auto known =
            std::find_if(acquired.begin() + first, acquired.end(),
                         [&](const HeldLock& held) { return held.lock == lock->address; });
        if (known != acquired.end()) acquired.erase(known);
        const bool owned = lock->kind != Kind::rlock || lock->owner == ident;
        const bool had = instruction->argument == 0 || is_tested(frame, instruction->next);
        if (method == "acquire" && owned && had && acquired.size() < most_held) {
          HeldLock held;
          held.lock = lock->address;
          held.what = lock->what;
          held.name = expression(frame, loaded, "");
          held.shown = HeldLock::Shown::acquire_call;
          held.file = frame.code->file;
          held.line = frames_.line_of(*frame.code, static_cast<int>(loaded));
          acquired.push_back(std::move(held));
        }
      }
      method.clear();
      object = {};
    } else {
      method.clear();
      object = frames_.variable(frame, *instruction);
    }
    at = instruction->next;
  }
}

}  // namespace importlock
