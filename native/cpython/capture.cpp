#include "cpython/capture.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "base/error.hpp"
#include "cpython/describe.hpp"
#include "cpython/frames.hpp"
#include "cpython/imports.hpp"
#include "cpython/interpreter.hpp"
#include "cpython/library.hpp"
#include "cpython/moment.hpp"
#include "cpython/objects.hpp"
#include "cpython/waits.hpp"
#include "target/call_object.hpp"
#include "target/image_file.hpp"
#include "target/layered_memory.hpp"
#include "target/native_lock.hpp"
#include "target/source_lines.hpp"
#include "target/thread_matcher.hpp"

namespace importlock {

namespace {

// Beside those of the threads that there are: a fork in C leaves its parent's behind.
constexpr std::size_t most_left_over_states = 10'000;
constexpr std::size_t most_interpreters = 1'000;
constexpr std::size_t most_frames = 200'000;  // of all threads
// Of what is kept of all frames, which is 6 MiB for 1,000 threads of 50 frames.
constexpr std::size_t most_kept = std::size_t{40} << 20;
constexpr std::size_t most_problems = 50;
constexpr std::size_t most_module_locks = 10'000;
constexpr std::size_t most_levels = 1'000;  // of one module's lock

class Capture {
 public:
  Capture(const Target& target, Interpreter& interpreter, Memory& memory, Snapshot& snapshot,
          const CaptureOptions& options)
      : target_(target),
        interpreter_(interpreter),
        matcher_(target, memory),
        object_reader_(interpreter.version->objects(memory, interpreter)),
        frame_reader_(interpreter.version->frames(*object_reader_, interpreter)),
        objects_(*object_reader_),
        frames_(*frame_reader_),
        sources_(target.files),
        options_(options),
        snapshot_(snapshot) {}

  void run() {
    snapshot_.signals_interrupt_waits = interpreter_.version->signals_interrupt_waits;
    snapshot_.threads.reserve(target_.threads.size());
    read_lock();
    read_gil();
    read_threads();
    read_native_joins();
    read_native_locks();
    if (snapshot_.problems.size() <= most_problems) return;
    const auto more = snapshot_.problems.size() - most_problems;
    snapshot_.problems.resize(most_problems);
    snapshot_.problems.push_back(fmt::format("{} more like these", more));
  }

 private:
  template <typename T, typename Read>
  Known<T> attempt(const char* what, Read read) {
    try {
      return read();
    } catch (const Error& error) {
      snapshot_.problems.push_back(fmt::format("{}: {}", what, error.what()));
      return Missing{error.what()};
    }
  }

  LockFacts lock_at(const Known<Address>& variable) {
    const auto place = require(variable);
    return lock_facts(objects_.memory(), is_parking() ? place : objects_.pointer(place),
                      interpreter_.lock_kind, interpreter_.architecture);
  }

  [[nodiscard]] bool is_parking() const { return interpreter_.lock_kind == LockKind::py_mutex; }

  /// What a thread is parked for that is in a futex: a PyMutex, a PyEvent. The futex is on its own
  /// stack, in a `struct wait_entry` whose field before names that (Python/parking_lot.c). Of any
  /// other futex it is what lies there.
  Address parked_for(const ThreadFacts& thread) {
    const auto& call = thread.system_call;
    if (!is_parking() || !call || !*call || !(*call)->futex) return {};
    try {
      return objects_.pointer(Address{(*call)->futex->value() - interpreter_.layout.word});
    } catch (const FaultError&) {
      return {};
    }
  }

  /// Puts `mutex` in the place of the futex of a thread that is parked for it.
  void name_parked(ThreadFacts& thread, Address mutex) {
    if (mutex.is_null() || parked_for(thread) != mutex) return;
    auto call = **thread.system_call;
    call.futex = mutex;
    thread.system_call = std::optional(std::move(call));
  }

  void read_lock() {
    const auto& variables = interpreter_.variables;
    auto& facts = snapshot_.import_lock;
    facts.found_by = variables.found_by;
    facts.lock = attempt<LockFacts>("import_lock", [&] { return lock_at(variables.import_lock); });
    facts.owner = attempt<std::optional<PthreadId>>("import_lock_thread", [&] {
      const auto ident = objects_.pointer(require(variables.import_lock_thread)).value();
      // Nobody is -1; 0 since 3.13.
      const bool nobody = PthreadId{ident} == (is_parking() ? PthreadId{} : objects_.ident(-1));
      return nobody ? std::nullopt : std::optional(PthreadId{ident});
    });
    if (facts.owner && *facts.owner && !matcher_.is_id(**facts.owner).value_or(true)) {
      snapshot_.problems.push_back(
          fmt::format("import_lock_thread: no thread has had the id {}", to_hex(**facts.owner)));
    }
    facts.level = attempt<int>("import_lock_level", [&] {
      const auto level =
          objects_.memory().value<std::int32_t>(require(variables.import_lock_level));
      // Python/lock.c: _PyRecursiveMutex counts how often it was taken again.
      const bool taken = is_parking() && facts.owner && *facts.owner;
      return taken ? level + 1 : level;
    });
  }

  void read_gil() {
    const auto& version = *interpreter_.version;
    const auto there =
        attempt<bool>("interpreter_lock", [&] { return version.has_gil(objects_, interpreter_); });
    if (there && !*there) {
      snapshot_.gil.none = true;
      snapshot_.gil.lock = LockFacts{};
      snapshot_.gil.holder = std::optional<PthreadId>();
      return;
    }
    snapshot_.gil.lock = attempt<LockFacts>(
        "interpreter_lock", [&] { return version.gil_lock(objects_, interpreter_); });
    snapshot_.gil.holder = attempt<std::optional<PthreadId>>(
        "_PyThreadState_Current", [&] { return version.gil_holder(objects_, interpreter_); });
    // A fork in C leaves the memory of its parent's threads in place.
    const auto& holder = snapshot_.gil.holder;
    if (holder && *holder && !matcher_.is_id(**holder).value_or(false)) {
      snapshot_.problems.push_back(
          fmt::format("the GIL's holder: no thread has had the id {}", to_hex(**holder)));
    }
  }

  void read_threads() {
    std::set<Lwp> seen;
    try {
      const auto& at = interpreter_.layout;
      const auto head = require(interpreter_.variables.interp_head);
      worlds_.push_back(
          Address{head.value() - at.runtime.interpreters_head + at.runtime_stoptheworld});
      std::unordered_set<Address> interpreters;
      for (auto state = objects_.pointer(head); !state.is_null();
           state = objects_.pointer(state + interpreter_.layout.interpreter_state.next)) {
        if (!interpreters.insert(state).second) throw FormatError("a loop");
        if (interpreters.size() > most_interpreters) {
          throw FormatError("it claims more interpreters than there can be");
        }
        read_interpreter(state, seen);
      }
    } catch (const Error& error) {
      snapshot_.all_thread_states = false;
      snapshot_.problems.push_back(fmt::format("list of interpreters: {}", error.what()));
    }
    const auto& owner = snapshot_.import_lock.owner;
    if (snapshot_.threads.empty() && snapshot_.all_thread_states && owner && *owner) {
      snapshot_.all_thread_states = false;
      snapshot_.problems.emplace_back(
          "list of interpreters: it has no thread, though the import lock is held");
    }
    keep_one_state_each();
    read_own_gils();
    find_mismatch(seen);
    check_main_thread(seen);
    check_left_over();
    check_lwps();
    for (const auto& native : target_.threads) {
      if (seen.contains(native.lwp)) continue;
      ThreadFacts thread;
      add_native(thread, native);
      if (thread.system_call && *thread.system_call) {
        thread.call_object = call_object(target_, objects_.memory(), **thread.system_call);
      }
      snapshot_.threads.push_back(std::move(thread));
    }
    std::ranges::stable_sort(snapshot_.threads, {}, [](const ThreadFacts& thread) {
      return thread.lwp.value_or(std::numeric_limits<Lwp>::max());
    });
  }

  /// A thread has a PyThreadState in each interpreter that it has entered, as those of mod_wsgi do;
  /// where it runs is the one that has frames.
  void keep_one_state_each() {
    std::unordered_map<Lwp, std::size_t> places;
    std::vector<ThreadFacts> kept;
    for (auto& thread : snapshot_.threads) {
      const auto place =
          thread.lwp ? places.try_emplace(*thread.lwp, kept.size()) : std::pair(places.end(), true);
      if (place.second) {
        kept.push_back(std::move(thread));
        continue;
      }
      auto& other = kept[place.first->second];
      thread.states = ++other.states;
      if (thread.frames.empty()) continue;
      if (other.frames.empty()) {
        other = std::move(thread);
      } else if (is_inner(other, thread)) {
        append(other, std::move(thread));
      } else {
        append(thread, std::move(other));
        other = std::move(thread);
      }
    }
    snapshot_.threads = std::move(kept);
  }

  /// Which of two states of one thread, both with frames, it entered last. That which has the GIL;
  /// else that which the other's innermost frame has run code in; else that whose frames explain
  /// the futex that it waits on; else that of the interpreter that is listed last, the main one,
  /// which PyGILState_Ensure enters.
  [[nodiscard]] bool is_inner(const ThreadFacts& earlier, const ThreadFacts& later) const {
    if (earlier.has_gil != later.has_gil) return earlier.has_gil;
    if (enters_another(earlier) != enters_another(later)) return enters_another(later);
    const auto& call = later.system_call;
    const auto explains = [&](const ThreadFacts& facts) {
      return call && *call && facts.wait && (*call)->futex == facts.wait->lock;
    };
    return explains(earlier) && !explains(later);
  }

  [[nodiscard]] bool enters_another(const ThreadFacts& thread) const {
    return thread.operation &&
           std::ranges::any_of(interpreter_.names->interpreter_modules, [&](auto module) {
             return thread.operation->text.starts_with(module);
           });
  }

  /// Adds the frames of `outer`, and what they show, behind those of `inner`.
  static void append(ThreadFacts& inner, ThreadFacts outer) {
    const auto moved = inner.frames.size();
    for (auto& module : outer.importing) module.frame += moved;
    for (auto& held : outer.held) held.frame += moved;
    std::ranges::move(outer.frames, std::back_inserter(inner.frames));
    std::ranges::move(outer.held, std::back_inserter(inner.held));
    std::ranges::move(outer.starts, std::back_inserter(inner.starts));
    // Outermost first.
    std::ranges::move(inner.importing, std::back_inserter(outer.importing));
    inner.importing = std::move(outer.importing);
    if (inner.import_lock_evidence.empty()) {
      inner.import_lock_evidence = std::move(outer.import_lock_evidence);
    }
    // Lib/threading.py, _DummyThread: what an interpreter calls a thread that another started.
    if (inner.name.empty() || (inner.name.starts_with("Dummy-") && !outer.name.empty())) {
      inner.name = std::move(outer.name);
    }
    inner.has_gil = inner.has_gil || outer.has_gil;
    inner.exiting = inner.exiting || outer.exiting;
    inner.whole = inner.whole && outer.whole;
  }

  /// A thread that threading knows and that has no thread state, beside a thread state that neither
  /// a thread has nor threading knows: they belong together, and one of the ids is damaged. Each
  /// for itself is in order: threads of C code come and go, and a fork leaves thread states behind.
  void find_mismatch(const std::set<Lwp>& seen) {
    const auto native = std::ranges::find_if(target_.threads, [&](const NativeThread& thread) {
      return !seen.contains(thread.lwp) && thread.ident && known_.contains(*thread.ident);
    });
    const auto state = std::ranges::find_if(snapshot_.threads, [&](const ThreadFacts& thread) {
      return !thread.lwp && !thread.frames.empty() && !known_.contains(*thread.ident);
    });
    if (native == target_.threads.end() || state == snapshot_.threads.end()) return;
    snapshot_.all_thread_states = false;
    snapshot_.problems.push_back(
        fmt::format("LWP {} has no thread state, and that of the id {} has no thread", native->lwp,
                    to_hex(*state->ident)));
  }

  /// The first thread of a process keeps its thread state as long as threading knows it (Python/
  /// pylifecycle.c, Py_FinalizeEx): a list without that was cut short.
  void check_main_thread(const std::set<Lwp>& seen) {
    const auto first = std::ranges::min_element(target_.threads, {}, &NativeThread::lwp);
    if (first == target_.threads.end() || !first->ident || seen.contains(first->lwp)) return;
    if (target_.info.pid.value_or(first->lwp) != first->lwp || !known_.contains(*first->ident)) {
      return;
    }
    snapshot_.all_thread_states = false;
    snapshot_.problems.push_back(
        fmt::format("LWP {}, which threading knows, has no thread state", first->lwp));
  }

  /// Of a thread that was not forked along the memory is there, at its id.
  void check_left_over() {
    for (const auto& thread : snapshot_.threads) {
      if (thread.lwp || thread.frames.empty()) continue;
      if (matcher_.is_id(*thread.ident).value_or(false)) continue;
      snapshot_.all_thread_states = false;
      snapshot_.problems.push_back(
          fmt::format("a thread state has the id {}, at which there is no thread's memory",
                      to_hex(*thread.ident)));
    }
  }

  /// Each thread's own memory has to give it the number that the target does.
  void check_lwps() {
    std::string problem;
    try {
      if (const auto lwp = matcher_.misnamed()) {
        problem = fmt::format("LWP {} has another number in its own memory", *lwp);
      }
    } catch (const Error& error) {
      problem = fmt::format("the numbers of threads: {}", error.what());
    }
    if (problem.empty()) return;
    snapshot_.all_thread_states = false;
    snapshot_.problems.push_back(std::move(problem));
  }

  /// Who waits for its turn with the GIL of a sub-interpreter, whatever its frames show, and for
  /// whom.
  void read_own_gils() {
    for (auto& thread : snapshot_.threads) {
      const auto& call = thread.system_call;
      if (!thread.lwp || !call || !*call || !(*call)->futex) continue;
      const auto gil = std::ranges::find_if(
          own_gils_, [&](const OwnGil& each) { return each.lock.spans(*(*call)->futex); });
      if (gil == own_gils_.end()) continue;
      thread.wait.reset();
      thread.native_lock.emplace();
      thread.native_lock->kind = NativeLock::Kind::gil;
      thread.native_lock->address = gil->lock.address;
      const auto* const holder = gil->holder ? matcher_.thread_of(*gil->holder) : nullptr;
      if (holder != nullptr && holder->lwp != thread.lwp) thread.native_lock->owner = holder->lwp;
    }
  }

  /// C code that joins a thread waits on a word inside that thread.
  void read_native_joins() {
    find_joined_natives();
    std::unordered_map<PthreadId, std::string> names;
    for (const auto& thread : snapshot_.threads) {
      if (!thread.ident || !thread.lwp) continue;
      names[*thread.ident] = thread.name.empty() ? fmt::format("LWP {}", *thread.lwp) : thread.name;
    }
    for (auto& thread : snapshot_.threads) {
      const auto& call = thread.system_call;
      if (thread.wait || !call || !*call || !(*call)->futex) continue;
      for (const auto ident : joined_at(target_.architecture, *(*call)->futex)) {
        const auto joined = names.find(ident);
        if (joined == names.end()) continue;
        PythonWait wait;
        wait.what = joined->second;
        wait.call = "pthread_join";
        wait.thread = ident;
        thread.wait = wait;
        break;
      }
    }
  }

  /// The pthread id of a thread that another joins, and that waits for the world to stop before it
  /// has a thread state: it waits for a GIL with one.
  void find_joined_natives() {
    if (!interpreter_.layout.free_threaded) return;
    for (const auto& thread : snapshot_.threads) {
      const auto& call = thread.system_call;
      if (thread.wait || !call || !*call || !(*call)->futex) continue;
      for (const auto ident : joined_at(target_.architecture, *(*call)->futex)) {
        const auto* const native = matcher_.thread_of(ident);
        if (native == nullptr) continue;
        const auto joined =
            std::ranges::find(snapshot_.threads, std::optional(native->lwp), &ThreadFacts::lwp);
        if (joined != snapshot_.threads.end() && !joined->ident) joined->ident = ident;
      }
    }
  }

  /// Locks of C code, and of the C library: those on which neither Python's objects nor its own
  /// locks explain a wait.
  void read_native_locks() {
    NativeLockReader reader(target_, objects_.memory(), matcher_);
    for (auto& thread : snapshot_.threads) {
      const auto& call = thread.system_call;
      if (thread.wait || !call || !*call || !(*call)->futex) continue;
      const auto futex = *(*call)->futex;
      if (is_turn(futex)) continue;
      std::string doubt;
      try {
        thread.native_lock = world_being_stopped(thread);
        if (thread.native_lock) continue;
        thread.native_lock = reader.lock_of(**call);
        doubt = reader.doubt(**call);
      } catch (const Error& error) {
        thread.native_lock = NativeLock{};
        thread.native_lock->address = futex;
        doubt = error.what();
      }
      if (doubt.empty()) continue;
      thread.whole = false;
      snapshot_.problems.push_back(fmt::format("thread LWP {}: {}", *thread.lwp, doubt));
    }
  }

  /// Where the thread stops all others of a free-threaded build (Python/pystate.c, stop_the_world,
  /// as for a fork, or for a new thread when the table of threads is full): who does not let it.
  std::optional<NativeLock> world_being_stopped(const ThreadFacts& thread) {
    const auto& layout = interpreter_.layout;
    if (!layout.free_threaded) return std::nullopt;
    const auto parked = parked_for(thread);
    const auto world = std::ranges::find_if(worlds_, [&](Address each) {
      return parked >= each && parked - each < layout.stoptheworld_size;
    });
    if (world == worlds_.end()) return std::nullopt;
    NativeLock lock;
    lock.kind = NativeLock::Kind::attached_thread_state;
    lock.address = parked;
    // One that runs stops soon; one that sleeps in C code without letting go does not.
    for (const auto& other : snapshot_.threads) {
      if (!other.lwp || other.lwp == thread.lwp || !attached_.contains(*other.lwp)) continue;
      const bool sleeps = other.system_call && *other.system_call;
      if (sleeps || !lock.owner) lock.owner = other.lwp;
      if (sleeps) break;
    }
    return lock;
  }

  /// Whether a thread that waits on `futex` waits for its turn with a GIL or the import lock.
  [[nodiscard]] bool is_turn(Address futex) const {
    if (std::ranges::any_of(own_gils_, [&](const auto& gil) { return gil.lock.spans(futex); })) {
      return true;
    }
    const auto& gil = snapshot_.gil.lock;
    const auto& lock = snapshot_.import_lock.lock;
    return (gil && gil->spans(futex)) || (lock && lock->spans(futex));
  }

  static void add_native(ThreadFacts& thread, const NativeThread& native) {
    thread.lwp = native.lwp;
    thread.gdb_thread = native.gdb_thread;
    if (!thread.ident) thread.ident = native.ident;
    thread.system_call = native.system_call;
  }

  void read_interpreter(Address interpreter, std::set<Lwp>& seen) {
    const auto& layout = interpreter_.layout;
    worlds_.push_back(interpreter + layout.interpreter_stoptheworld);
    const auto library = library_of(interpreter);
    WaitReader waits(objects_, frames_, library);
    auto gil = attempt<std::optional<OwnGil>>("the GIL of an interpreter", [&] {
      return interpreter_.version->own_gil(objects_, interpreter_, interpreter);
    });
    Readers readers{library, waits, ImportReader(objects_, frames_, waits, library),
                    gil ? *gil : std::nullopt};
    if (readers.own_gil) own_gils_.push_back(*readers.own_gil);
    for (const auto& [ident, thread] : library.active) known_.insert(ident);
    std::unordered_set<Address> states;
    for (auto state = objects_.pointer(interpreter + layout.interpreter_state.tstate_head);
         !state.is_null(); state = objects_.pointer(state + layout.thread_state.next)) {
      if (++states_ > most_left_over_states + target_.threads.size()) {
        throw FormatError("it claims more thread states than there can be");
      }
      if (!states.insert(state).second) throw FormatError("its thread states form a loop");
      if (objects_.pointer(state + layout.thread_state.interp) != interpreter) {
        throw FormatError(
            fmt::format("the thread state at {} belongs to no interpreter", to_hex(state)));
      }
      read_thread(interpreter, state, readers, seen);
    }
    if (library.module_locks.is_null()) return;
    try {
      read_module_locks(library);
    } catch (const Error& error) {
      snapshot_.problems.push_back(fmt::format("the locks of modules: {}", error.what()));
    }
  }

  Library library_of(Address interpreter) {
    const auto& at = interpreter_.layout.interpreter_state;
    Library library(*interpreter_.names);
    try {
      read_version(objects_.pointer(interpreter + at.sysdict));
      library = read_library(objects_, objects_.pointer(interpreter + at.modules), *library.names);
    } catch (const Error& error) {
      library.problem = error.what();
    }
    if (!library.problem.empty()) {
      snapshot_.problems.push_back(
          fmt::format("the standard library's modules: {}", library.problem));
    }
    return library;
  }

  void read_version(Address sys_dict) {
    // sys.version begins with the version: "2.7.18 (default, …".
    if (const auto text = objects_.text(objects_.item(sys_dict, "version"))) {
      snapshot_.python.version = text->substr(0, text->find(' '));
    }
    const auto path = objects_.items(objects_.item(sys_dict, "path"), 1);
    if (!path.empty()) sources_.set_script_folder(objects_.text(path[0]).value_or(""));
  }

  /// Without its locals. Threads that are alike, and calls that recurse, stand at the same lines.
  const Frame& shown(const RawFrame& frame, const Library& library) {
    const auto [entry, fresh] = shown_.try_emplace({frame.code_address, frame.line});
    auto& shown = entry->second;
    if (fresh) {
      const auto& file = frame.code->file;
      const auto source = sources_.line(file, frame.line);
      kept_ += frame.code->name.size() + file.size() + source.value_or("").size();
      shown = {frame.code->name, file, frame.line, source, library.owns(file), {}};
    }
    return shown;
  }

  /// Without the texts that it shares with others.
  static std::size_t size_of(const Frame& frame) {
    auto size = sizeof frame;
    for (const auto& variable : frame.locals) {
      size += sizeof variable + variable.name.size() + variable.value.size();
    }
    return size;
  }

  struct Readers {
    const Library& library;
    WaitReader& waits;
    ImportReader imports;
    std::optional<OwnGil> own_gil;
  };

  void read_thread(Address interpreter, Address state, Readers& readers, std::set<Lwp>& seen) {
    const auto& library = readers.library;
    auto& waits = readers.waits;
    auto& imports = readers.imports;
    ThreadFacts thread;
    thread.python = true;
    thread.ident = ident_of(objects_, state);
    // In 3.11 and 3.12 that lies in the thread's stack, where what names the thread lies too.
    const auto innermost = innermost_frame(objects_, state);
    const auto* const native = matcher_.thread_of(*thread.ident);
    // New states come first in an interpreter's list (Python/pystate.c, new_threadstate). A fork
    // leaves those of its parent behind, whose ids threads of the child may have.
    const bool left_behind = native && !entered_.insert({native->lwp, interpreter}).second;
    if (left_behind) {
      thread.system_call = Missing{"its thread has ended"};
    } else if (native) {
      add_native(thread, *native);
      const auto& lock = snapshot_.import_lock.lock;
      if (lock) name_parked(thread, lock->address);
      seen.insert(native->lwp);
    }
    constexpr std::uint32_t attached = 1;  // _Py_THREAD_ATTACHED, Include/internal/pycore_pystate.h
    const auto& layout = interpreter_.layout;
    if (layout.free_threaded && thread.lwp &&
        objects_.memory().value<std::uint32_t>(state + layout.thread_state_state) == attached) {
      attached_.insert(*thread.lwp);
    }
    const auto& current = interpreter_.variables.py_thread_state_current;
    thread.own_gil = readers.own_gil.has_value();
    thread.has_gil = thread.own_gil ? !left_behind && readers.own_gil->holder == thread.ident
                                    : current && objects_.pointer(*current) == state;
    std::string problem;
    auto frames = frames_.chain(innermost, frames_left_, problem);
    frames_left_ -= frames.size();
    // What one step cannot read is no reason to do without the others.
    const auto step = [&](const auto& read) {
      try {
        read();
      } catch (const Error& error) {
        if (problem.empty()) problem = error.what();
      }
    };
    step([&] {
      const auto active = library.active.find(*thread.ident);
      if (left_behind || active == library.active.end()) return;
      thread.name = objects_.text(objects_.attribute(active->second, library.names->thread.name))
                        .value_or("");
    });
    if (thread.name.empty() && thread.lwp && thread.lwp == target_.info.pid) {
      // A program that has not imported threading has named no thread.
      thread.name = "MainThread";
    }
    thread.frames.reserve(frames.size());
    for (std::size_t i = 0; i < frames.size(); ++i) {
      auto& frame = thread.frames.emplace_back(shown(frames[i], library));
      if (options_.locals) frame.locals = read_locals(frames_, frames[i]);
      kept_ += size_of(frame);
      if (kept_ <= most_kept) continue;
      problem = "its frames take more room than those of a program: the rest is not shown";
      frames.resize(i + 1);
    }
    step([&] { imports.read_modules(thread, frames); });
    step([&] {
      thread.operation = imports.operation(frames);
      if (thread.operation && thread.operation->kind == Operation::Kind::fork) {
        thread.import_lock_evidence = thread.operation->text;
      }
    });
    step([&] {
      const auto& owner = snapshot_.import_lock.owner;
      // Where no thread has the owner's id, that id may be damaged.
      if (thread.import_lock_evidence.empty() && owner && *owner &&
          (**owner == *thread.ident || matcher_.thread_of(**owner) == nullptr) &&
          imports.keeps_import_lock(frames)) {
        thread.import_lock_evidence = "imp.acquire_lock";
      }
    });
    step([&] { thread.wait = waits.wait(frames); });
    step([&] {
      if (!thread.wait) return;
      auto& wait = *thread.wait;
      name_parked(thread, wait.lock);
      const auto event = parked_for(thread);
      const bool unknown = wait.kind == PythonWait::Kind::join && !wait.thread;
      if (unknown && !event.is_null()) waits.find_joined(wait, event);
    });
    step([&] { check_wait(thread); });
    step([&] { check_lock_call(thread, frames, library); });
    thread.housekeeping = is_housekeeping(frames, library);
    thread.exiting = std::ranges::any_of(frames, [&](const RawFrame& frame) {
      return library.function(frame.code_address) == Function::exit_wait;
    });
    thread.held = waits.held(frames, *thread.ident, problem);
    if (!thread.importing.empty()) {
      step([&] { thread.starts = imports.starts(frames, thread.importing.front().frame); });
    }
    if (thread.system_call && *thread.system_call) {
      auto call = **thread.system_call;
      thread.call_object = call_object(target_, objects_.memory(), call);
      call.time_out = call_time_out(target_, objects_.memory(), call);
      thread.system_call = std::optional(std::move(call));
    }
    step([&] { complete_wait(thread, readers, frames); });
    thread.whole = problem.empty() && library.problem.empty();
    if (!problem.empty()) {
      snapshot_.problems.push_back(fmt::format(
          "thread {}: {}", thread.lwp ? fmt::format("LWP {}", *thread.lwp) : to_hex(*thread.ident),
          problem));
    }
    snapshot_.threads.push_back(std::move(thread));
  }

  /// Who waits for a lock is in a futex, and in one with a time-out where its frames show that; up
  /// to 3.1 a wait with a time-out polls. Who is waited for is, or was, a thread.
  void check_wait(const ThreadFacts& thread) {
    const auto& call = thread.system_call;
    if (!thread.wait || !call || !*call) return;
    const auto& futex = (*call)->futex;
    const bool timed = thread.wait->timed;
    // The registers of AArch64 do not keep which futex it was.
    if (!futex && !timed && (*call)->name != "futex") {
      throw FormatError("its frames show a wait for a lock, its system call is another");
    }
    if (futex && timed && !(*call)->timed && !is_turn(*futex)) {
      throw FormatError("its frames show a wait with a time-out, its system call one without");
    }
    if (futex && !is_turn(*futex) && !may_be_in(*futex, *thread.wait)) {
      throw FormatError("its frames show a wait for one lock, its system call one for another");
    }
    const auto& other = thread.wait->thread;
    if (!other || matcher_.thread_of(*other) != nullptr) return;
    // The end of a thread that has ended is waited for for a moment alone.
    const bool joins = thread.wait->kind == PythonWait::Kind::join;
    if (joins || !matcher_.is_id(*other).value_or(false)) {
      throw FormatError(fmt::format("no thread {} the id {} that it waits for",
                                    joins ? "has" : "has had", to_hex(*other)));
    }
  }

  /// Whether who waits so can be in that futex. Python/thread_pthread.h: a semaphore's is its first
  /// word.
  bool may_be_in(Address futex, const PythonWait& wait) {
    const bool told = wait.kind == PythonWait::Kind::lock || wait.kind == PythonWait::Kind::rlock;
    if (!told || wait.lock.is_null() || wait.lock == futex) return true;
    const auto kind = interpreter_.lock_kind;
    return kind == LockKind::mutex_and_condition &&
           lock_facts(objects_.memory(), wait.lock, kind, interpreter_.architecture).spans(futex);
  }

  /// Who sleeps in a function of threading's own waits for a lock of Python's.
  void check_lock_call(const ThreadFacts& thread, const std::vector<RawFrame>& frames,
                       const Library& library) {
    const auto& call = thread.system_call;
    if (thread.wait || frames.empty() || !call || !*call || !(*call)->futex) return;
    if (is_turn(*(*call)->futex) || library.folder.empty()) return;
    if (frames.front().code->file == library.folder + "threading.py") {
      throw FormatError("it waits for a lock, but its frames do not show for which");
    }
  }

  static bool is_housekeeping(const std::vector<RawFrame>& frames, const Library& library) {
    // Lib/multiprocessing/pool.py, Pool._handle_workers: it sleeps, or since 3.9 waits for the
    // workers' ends some calls further in.
    constexpr std::size_t deepest = 6;
    for (std::size_t i = 0; i < std::min(deepest, frames.size()); ++i) {
      const auto function = library.function(frames[i].code_address);
      if (function == Function::pool_wait_for_updates) return true;
      if (function == Function::pool_handle_workers) return i == 0;
    }
    return false;
  }

  /// What the frames of the wait itself do not tell.
  void complete_wait(ThreadFacts& thread, Readers& readers, const std::vector<RawFrame>& frames) {
    if (interpreter_.names->import_locking == ImportLocking::program) return;
    const auto waited = thread.wait ? thread.wait->lock : Address{};
    for (auto& name : readers.imports.locked_modules(frames)) {
      imports_[*thread.ident].emplace(std::move(name), waited);
    }
    if (!thread.wait) return;
    auto& wait = *thread.wait;
    if (wait.kind == PythonWait::Kind::module_lock && thread.operation) {
      wait.call = thread.operation->text;
      wait.frame = thread.operation->frame;
    }
    if (thread.system_call && *thread.system_call && (*thread.system_call)->timed) {
      wait.timed = true;
      wait.seconds_left = (*thread.system_call)->time_out;
      if (!wait.loop) readers.waits.find_loop(wait, frames);
    }
  }

  /// The locks of modules that an interpreter of 3.x knows, in so far as they matter.
  void read_module_locks(const Library& library) {
    const auto& at = interpreter_.names->module_lock;
    std::unordered_set<Address> waited;
    for (const auto& thread : snapshot_.threads) {
      if (thread.wait && thread.wait->kind == PythonWait::Kind::module_lock) {
        waited.insert(thread.wait->lock);
      }
    }
    objects_.for_each_item(library.module_locks, [&](Address, Address reference) {
      const auto lock = objects_.pointer(reference + interpreter_.layout.weakref.wr_object);
      if (!objects_.derives_from(lock, library.module_lock)) return true;
      ModuleLockFacts facts;
      facts.address = lock;
      facts.module = objects_.name(objects_.attribute(lock, at.name));
      if (const auto owner = objects_.integer(objects_.attribute(lock, at.owner))) {
        facts.owner = objects_.ident(*owner);
        facts.owner_shows_it = shows_import(*facts.owner, facts);
      }
      // A list of as many items since 3.12.
      const auto count = objects_.attribute(lock, at.count);
      facts.count = static_cast<int>(objects_.integer(count).value_or(
          static_cast<std::int64_t>(objects_.items(count, most_levels).size())));
      if (facts.owner || waited.contains(lock)) snapshot_.module_locks.push_back(std::move(facts));
      if (snapshot_.module_locks.size() < most_module_locks) return true;
      throw LimitError("more modules are being imported than there can be");
    });
  }

  /// Whether the thread of that id has an import of the module on its stack that does not wait for
  /// the lock itself.
  bool shows_import(PthreadId owner, const ModuleLockFacts& lock) {
    const auto imports = imports_.find(owner);
    if (imports == imports_.end()) {
      // What cannot be read may show it.
      return std::ranges::any_of(snapshot_.threads, [&](const ThreadFacts& thread) {
        return thread.ident == owner && !thread.whole;
      });
    }
    const auto [first, last] = imports->second.equal_range(lock.module);
    return std::any_of(first, last,
                       [&](const auto& import) { return import.second != lock.address; });
  }

  const Target& target_;
  Interpreter& interpreter_;
  ThreadMatcher matcher_;
  std::unique_ptr<Objects> object_reader_;
  std::unique_ptr<FrameReader> frame_reader_;
  Objects& objects_;
  FrameReader& frames_;
  SourceLines sources_;
  std::map<std::pair<Address, int>, Frame> shown_;  ///< by code object and line
  const CaptureOptions& options_;
  Snapshot& snapshot_;
  std::vector<OwnGil> own_gils_;
  std::set<Lwp> attached_;       ///< of a free-threaded build: threads that run, or are in C code
  std::vector<Address> worlds_;  ///< the same: each _stoptheworld_state
  std::set<std::pair<Lwp, Address>> entered_;  ///< which thread has a state in which interpreter
  std::unordered_set<PthreadId> known_;        // to threading
  /// By thread: each module that it imports, and the lock that it waits for.
  std::unordered_map<PthreadId, std::multimap<std::string, Address>> imports_;
  std::size_t states_ = 0;
  std::size_t frames_left_ = most_frames;
  std::size_t kept_ = 0;  ///< bytes of frames and their texts
};

Snapshot look(const Target& target, const CaptureOptions& options, Interpreter& interpreter) {
  Snapshot snapshot;
  snapshot.target = target.info;
  snapshot.problems = target.problems;
  snapshot.all_thread_states = target.all_threads;
  snapshot.whole_target = target.problems.empty();
  interpreter = find_interpreter(target, snapshot.problems);
  snapshot.newer = interpreter.newer;
  snapshot.python.image = interpreter.image;
  snapshot.python.build_id = interpreter.file->build_id();
  snapshot.python.arch = name_of(target.architecture);
  snapshot.python.free_threaded = interpreter.layout.free_threaded;
  snapshot.python.pydebug = interpreter.layout.pydebug;
  // PEP 393: since 3.3 each str has a width of its own.
  if (interpreter.layout.unicode.str != 0) {
    snapshot.python.unicode = interpreter.layout.unicode_width == 2 ? "ucs2" : "ucs4";
  }
  FileBackedMemory memory(*target.memory, ImageOpener(target));
  memory.add(*interpreter.file, interpreter.bias);
  Capture(target, interpreter, memory, snapshot, options).run();
  return snapshot;
}

}  // namespace

Snapshot capture(Target& target, const CaptureOptions& options) {
  constexpr int most_looks = 8;
  for (int number = 1;; ++number) {
    Interpreter interpreter;
    Snapshot snapshot;
    try {
      snapshot = look(target, options, interpreter);
    } catch (const TargetError&) {
      // Of a process that runs on, what is not laid out as it should be may be of two moments.
      if (!target.look_again || number == most_looks || target.stood_still(target)) throw;
      target.look_again(target);
      continue;
    }
    if (!target.look_again) return snapshot;
    snapshot.stood_still = target.stood_still(target);
    if (snapshot.stood_still) return snapshot;
    const auto before = moment_of(target, *target.memory, interpreter);
    target.look_again(target);
    const auto after = moment_of(target, *target.memory, interpreter);
    const auto moved = movement(before, after, snapshot.threads);
    // What a running thread frees while its frames are read shows as a problem.
    const bool runs =
        std::ranges::any_of(before.threads, [](const auto& thread) { return !thread.second; });
    // So does what a thread freed between two calls that are alike; what is damaged stays so.
    constexpr int looks_at_damage = 3;
    const bool torn = !snapshot.problems.empty() && (runs || number < looks_at_damage);
    const auto owner = owner_on_its_way(before, snapshot);
    if (moved.none() && !torn && !owner) return snapshot;
    if (number < most_looks) continue;
    if (!moved.none()) mistrust(moved, snapshot);
    if (owner) {
      snapshot.threads[*owner].whole = false;
      snapshot.problems.emplace_back(
          "the thread with the id of the import lock's owner runs, so that its frames may be of "
          "another moment than the lock; look again, or look with gdb, which stops it");
    }
    return snapshot;
  }
}

}  // namespace importlock
