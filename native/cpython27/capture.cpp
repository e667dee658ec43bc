#include "cpython27/capture.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "base/error.hpp"
#include "cpython27/frames.hpp"
#include "cpython27/interpreter.hpp"
#include "cpython27/objects.hpp"
#include "target/layered_memory.hpp"

namespace importlock {

namespace {

constexpr std::size_t most_thread_states = 1'000'000;
constexpr std::size_t most_interpreters = 10'000;
constexpr std::size_t largest_source = std::size_t{16} << 20;

/// Lines of source files, each file read once. Only regular files of a sane size are opened.
class SourceLines {
 public:
  explicit SourceLines(const FileLookup& files) : files_(files) {}
  /// sys.path[0] of the target: the folder of the script, for its relative co_filename.
  void set_script_folder(std::string folder) { script_folder_ = std::move(folder); }

  std::optional<std::string> line(const std::string& file, int number) {
    const auto [entry, fresh] = lines_.try_emplace(file);
    if (fresh) entry->second = read(file);
    const auto& lines = entry->second;
    if (number < 1 || static_cast<std::size_t>(number) > lines.size()) return std::nullopt;
    auto text = lines[static_cast<std::size_t>(number) - 1];
    const auto start = text.find_first_not_of(" \t\f");
    const auto end = text.find_last_not_of(" \t\r\f");
    if (start == std::string::npos) return std::nullopt;
    return text.substr(start, end - start + 1);
  }

 private:
  std::vector<std::string> read(const std::string& file) {
    if (file.empty() || file.front() == '<') return {};
    std::vector<std::string> places;
    if (file.front() == '/') {
      for (const auto& root : files_.roots) places.push_back(root + file);
    } else {
      if (files_.working_directory) places.push_back(*files_.working_directory + "/" + file);
      if (!script_folder_.empty() && file.find('/') == std::string::npos) {
        for (const auto& root : files_.roots) {
          places.push_back(root + script_folder_ + "/" + file);
        }
      }
    }
    for (const auto& place : places) {
      if (auto lines = read_regular(place); !lines.empty()) return lines;
    }
    return {};
  }

  static std::vector<std::string> read_regular(const std::string& path) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (descriptor < 0) return {};
    std::string text;
    struct stat status {};
    if (::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) &&
        static_cast<std::uint64_t>(status.st_size) <= largest_source) {
      text.resize(static_cast<std::size_t>(status.st_size));
      const auto got = ::pread(descriptor, text.data(), text.size(), 0);
      text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    }
    ::close(descriptor);
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < text.size();) {
      const auto end = std::min(text.find('\n', at), text.size());
      lines.push_back(text.substr(at, end - at));
      at = end + 1;
    }
    return lines;
  }

  const FileLookup& files_;
  std::string script_folder_;
  std::unordered_map<std::string, std::vector<std::string>> lines_;
};

/// Functions of the standard library that are recognised by their code objects.
struct KnownCode {
  Address thread_join, condition_wait, codec_search;
  Address thread_type;
  Address modules;                                    ///< sys.modules
  std::unordered_map<std::uint64_t, Address> active;  ///< threading._active: ident to Thread
};

class Capture {
 public:
  Capture(const Target& target, Interpreter& interpreter, Memory& memory, Snapshot& snapshot)
      : target_(target),
        interpreter_(interpreter),
        objects_(memory, interpreter.layout, interpreter.types),
        frames_(objects_),
        sources_(target.files),
        snapshot_(snapshot) {}

  void run() {
    read_lock();
    read_gil();
    read_threads();
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

  Address require(const Known<Address>& variable) {
    if (!variable) throw FormatError(variable.why());
    return *variable;
  }

  LockFacts lock_at(const Known<Address>& variable) {
    LockFacts facts;
    facts.address = objects_.pointer(require(variable));
    const bool semaphore = interpreter_.lock_kind == LockKind::semaphore;
    // sizeof(sem_t) and sizeof(pthread_lock) of Python/thread_pthread.h with glibc on x86-64.
    facts.size = semaphore ? 32 : 96;
    if (facts.address.is_null()) return facts;
    try {
      // A semaphore's value is 0 while the lock is held (musl: negative with waiters); pthread_lock
      // begins with `char locked`, which is 1.
      facts.locked = semaphore ? objects_.memory().value<std::int32_t>(facts.address) <= 0
                               : objects_.memory().value<std::uint8_t>(facts.address) != 0;
    } catch (const FaultError& error) {
      facts.locked = Missing{error.what()};
    }
    return facts;
  }

  void read_lock() {
    const auto& variables = interpreter_.variables;
    auto& facts = snapshot_.import_lock;
    facts.found_by = interpreter_.found_by;
    facts.lock = attempt<LockFacts>("import_lock", [&] { return lock_at(variables.import_lock); });
    facts.owner = attempt<std::optional<PthreadId>>("import_lock_thread", [&] {
      const auto ident = objects_.pointer(require(variables.import_lock_thread)).value();
      return ident == ~std::uint64_t{0} ? std::nullopt : std::optional(PthreadId{ident});
    });
    facts.level = attempt<int>("import_lock_level", [&] {
      return objects_.memory().value<std::int32_t>(require(variables.import_lock_level));
    });
  }

  void read_gil() {
    const auto& variables = interpreter_.variables;
    snapshot_.gil.lock =
        attempt<LockFacts>("interpreter_lock", [&] { return lock_at(variables.interpreter_lock); });
    snapshot_.gil.holder = attempt<std::optional<PthreadId>>("_PyThreadState_Current", [&] {
      const auto state = objects_.pointer(require(variables.py_thread_state_current));
      if (state.is_null()) return std::optional<PthreadId>();
      return std::optional(ident_of(state));
    });
  }

  PthreadId ident_of(Address thread_state) {
    return PthreadId{
        objects_.pointer(thread_state + interpreter_.layout.thread_state.thread_id).value()};
  }

  void read_threads() {
    std::set<Lwp> seen;
    try {
      std::unordered_set<Address> interpreters;
      for (auto state = objects_.pointer(require(interpreter_.variables.interp_head));
           !state.is_null() && interpreters.size() < most_interpreters;
           state = objects_.pointer(state + interpreter_.layout.interpreter_state.next)) {
        if (!interpreters.insert(state).second) throw FormatError("a loop");
        read_interpreter(state, seen);
      }
    } catch (const Error& error) {
      snapshot_.problems.push_back(fmt::format("list of interpreters: {}", error.what()));
    }
    for (const auto& native : target_.threads) {
      if (seen.contains(native.lwp)) continue;
      ThreadFacts thread;
      add_native(thread, native);
      snapshot_.threads.push_back(std::move(thread));
    }
    std::ranges::stable_sort(snapshot_.threads, {}, [](const ThreadFacts& thread) {
      return thread.lwp.value_or(std::numeric_limits<Lwp>::max());
    });
  }

  static void add_native(ThreadFacts& thread, const NativeThread& native) {
    thread.lwp = native.lwp;
    thread.gdb_thread = native.gdb_thread;
    if (!thread.ident) thread.ident = native.ident;
    thread.system_call = native.system_call;
  }

  void read_interpreter(Address interpreter, std::set<Lwp>& seen) {
    const auto& layout = interpreter_.layout;
    const auto known = known_code(interpreter);
    std::unordered_set<Address> states;
    for (auto state = objects_.pointer(interpreter + layout.interpreter_state.tstate_head);
         !state.is_null() && states.size() < most_thread_states;
         state = objects_.pointer(state + layout.thread_state.next)) {
      if (!states.insert(state).second) throw FormatError("its thread states form a loop");
      if (objects_.pointer(state + layout.thread_state.interp) != interpreter) {
        throw FormatError(
            fmt::format("the thread state at {} belongs to no interpreter", to_hex(state)));
      }
      read_thread(state, known, seen);
    }
  }

  KnownCode known_code(Address interpreter) {
    KnownCode known;
    const auto& at = interpreter_.layout.interpreter_state;
    try {
      known.modules = objects_.pointer(interpreter + at.modules);
      read_version(objects_.pointer(interpreter + at.sysdict));
      const auto threading = objects_.item(known.modules, "threading");
      known.thread_type = objects_.attribute(threading, "Thread");
      known.thread_join = code_of(objects_.attribute(known.thread_type, "join"));
      known.condition_wait =
          code_of(objects_.attribute(objects_.attribute(threading, "_Condition"), "wait"));
      known.codec_search =
          code_of(objects_.attribute(objects_.item(known.modules, "encodings"), "search_function"));
      objects_.for_each_item(objects_.attribute(threading, "_active"),
                             [&](Address ident, Address thread) {
                               if (const auto number = objects_.integer(ident)) {
                                 known.active[static_cast<std::uint64_t>(*number)] = thread;
                               }
                               return true;
                             });
    } catch (const Error& error) {
      snapshot_.problems.push_back(fmt::format("module threading: {}", error.what()));
    }
    return known;
  }

  Address code_of(Address function) {
    if (!objects_.is(function, interpreter_.types.function)) return {};
    return objects_.pointer(function + interpreter_.layout.function.func_code);
  }

  void read_version(Address sys_dict) {
    // sys.version begins with the version: "2.7.18 (default, …".
    if (const auto text = objects_.text(objects_.item(sys_dict, "version"))) {
      snapshot_.python.version = text->substr(0, text->find(' '));
    }
    const auto path = objects_.items(objects_.item(sys_dict, "path"), 1);
    if (!path.empty()) sources_.set_script_folder(objects_.text(path[0]).value_or(""));
  }

  void read_thread(Address state, const KnownCode& known, std::set<Lwp>& seen) {
    ThreadFacts thread;
    thread.python = true;
    thread.ident = ident_of(state);
    for (const auto& native : target_.threads) {
      if (native.ident == thread.ident) {
        add_native(thread, native);
        seen.insert(native.lwp);
      }
    }
    const auto number = static_cast<std::uint64_t>(*thread.ident);
    std::string problem;
    const auto innermost = objects_.pointer(state + interpreter_.layout.thread_state.frame);
    const auto raw = frames_.chain(innermost, problem);
    try {
      if (const auto active = known.active.find(number); active != known.active.end()) {
        thread.name =
            objects_.text(objects_.attribute(active->second, "_Thread__name")).value_or("");
      }
      for (const auto& frame : raw) {
        thread.frames.push_back({frame.code->name, frame.code->file, frame.line,
                                 sources_.line(frame.code->file, frame.line)});
      }
      read_imports(thread, raw, known);
      read_operation(thread, raw, known);
      read_join(thread, raw, known);
      if (!thread.importing.empty()) read_starts(thread, raw, known);
    } catch (const Error& error) {
      problem = error.what();
    }
    if (!problem.empty()) {
      snapshot_.problems.push_back(fmt::format(
          "thread {}: {}", thread.lwp ? fmt::format("LWP {}", *thread.lwp) : to_hex(*thread.ident),
          problem));
    }
    snapshot_.threads.push_back(std::move(thread));
  }

  /// Whether the frame is in an import statement or a call that imports.
  bool imports(const RawFrame& frame, std::string& name) {
    const auto instruction = frames_.instruction(frame);
    if (!instruction) return false;
    if (instruction->opcode == Opcode::import_name) {
      name = frames_.name_operand(frame, *instruction);
      return true;
    }
    const auto callee = frames_.callee(frame);
    if (!callee) return false;
    if (callee->name == "__builtin__.__import__") {
      name = objects_.text(callee->first_argument).value_or("");
      return true;
    }
    return callee->name == "imp.load_module" || callee->name == "imp.load_source" ||
           callee->name == "imp.load_compiled" || callee->name == "imp.load_dynamic";
  }

  void read_imports(ThreadFacts& thread, const std::vector<RawFrame>& raw, const KnownCode& known) {
    Address previous;
    for (std::size_t i = raw.size(); i-- > 0;) {
      const auto& frame = raw[i];
      std::string operand;
      const bool importing = imports(frame, operand);
      if (importing) thread.import_lock_evidence = "import " + operand;
      // A module's body runs with the dict of the module as its globals and its locals.
      if (frame.code->name == "<module>" && frame.globals == frame.locals &&
          frame.globals != previous) {
        const auto name = objects_.text(objects_.item(frame.globals, "__name__")).value_or("");
        const auto module = objects_.item(known.modules, name);
        if (!name.empty() && name != "__main__" && objects_.dict_of(module) == frame.globals) {
          thread.importing.push_back({name, i});
          thread.import_lock_evidence = "import " + name;
          previous = frame.globals;
        }
      }
    }
  }

  void read_operation(ThreadFacts& thread, const std::vector<RawFrame>& raw,
                      const KnownCode& known) {
    if (raw.empty()) return;
    using Kind = Operation::Kind;
    for (std::size_t i = 0; i < raw.size() && i < 4; ++i) {
      if (raw[i].code_address == known.codec_search && !known.codec_search.is_null()) {
        thread.operation =
            Operation{Kind::codec_lookup, "codec lookup", i + 1 < raw.size() ? i + 1 : i};
        return;
      }
    }
    const auto& frame = raw.front();
    std::string name;
    if (imports(frame, name)) {
      thread.operation = Operation{Kind::import, "import " + name, 0};
      return;
    }
    const auto callee = frames_.callee(frame);
    if (!callee) return;
    const auto& called = callee->name;
    if (called == "posix.fork" || called == "posix.forkpty" || called == "posix.fork1") {
      thread.operation = Operation{Kind::fork, "os." + called.substr(called.find('.') + 1), 0};
      thread.import_lock_evidence = thread.operation->text;
    } else if (called == "imp.acquire_lock") {
      thread.operation = Operation{Kind::acquire_import_lock, called, 0};
    } else if (called == "unicode.encode" || called == "str.decode" || called == "str.encode" ||
               called == "_codecs.lookup") {
      thread.operation = Operation{Kind::codec_lookup, "codec lookup", 0};
    } else {
      thread.operation = Operation{Kind::call, called, 0};
    }
  }

  /// Thread.join of Lib/threading.py: it waits in Condition.wait for the thread's end.
  void read_join(ThreadFacts& thread, const std::vector<RawFrame>& raw, const KnownCode& known) {
    if (known.thread_join.is_null()) return;
    std::size_t i = 0;
    while (i < raw.size() && raw[i].code_address == known.condition_wait) ++i;
    if (i >= raw.size() || raw[i].code_address != known.thread_join) return;
    const auto self = objects_.pointer(raw[i].fast_locals);
    const auto timeout = objects_.pointer(raw[i].fast_locals + interpreter_.layout.word);
    if (!objects_.derives_from(self, known.thread_type)) return;
    PythonWait wait;
    wait.what = objects_.text(objects_.attribute(self, "_Thread__name")).value_or("a thread");
    wait.thread = ident_of_thread(self, known);
    wait.timed = objects_.integer(timeout).has_value() ||
                 (!timeout.is_null() && objects_.type_name(objects_.type_of(timeout)) == "float");
    wait.frame = std::min(i + 1, raw.size() - 1);
    thread.wait = wait;
  }

  std::optional<PthreadId> ident_of_thread(Address thread, const KnownCode& known) {
    const auto ident = objects_.integer(objects_.attribute(thread, "_Thread__ident"));
    if (!ident) return std::nullopt;
    // Idents are reused: it is this thread's only while threading itself says so.
    const auto active = known.active.find(static_cast<std::uint64_t>(*ident));
    if (active == known.active.end() || active->second != thread) return std::nullopt;
    return PthreadId{static_cast<std::uint64_t>(*ident)};
  }

  /// Calls of `X.start()` that the importing frames have made, where X still names a Thread.
  void read_starts(ThreadFacts& thread, const std::vector<RawFrame>& raw, const KnownCode& known) {
    for (std::size_t i = 0; i <= thread.importing.front().frame && i < raw.size(); ++i) {
      const auto& frame = raw[i];
      const auto end = static_cast<std::size_t>(std::max(frame.lasti, 0));
      Address object;
      bool start_attribute = false;
      for (std::size_t at = 0; at < end;) {
        const auto instruction = instruction_at(frame.code->bytes, at);
        if (!instruction) break;
        if (instruction->opcode == Opcode::load_attr) {
          const auto name = frames_.name_operand(frame, *instruction);
          start_attribute = name == "start";
          if (!start_attribute) object = attribute_or_null(object, name);
        } else if (instruction->opcode == Opcode::call_function && start_attribute) {
          start_attribute = false;
          if (objects_.derives_from(object, known.thread_type)) {
            if (const auto ident = ident_of_thread(object, known)) {
              thread.starts.push_back({*ident, frame.code->file,
                                       FrameReader::line_of(*frame.code, static_cast<int>(at))});
            }
          }
        } else {
          start_attribute = false;
          object = frames_.variable(frame, *instruction);
        }
        at = instruction->next;
      }
    }
  }

  Address attribute_or_null(Address object, std::string_view name) {
    try {
      return objects_.attribute(object, name);
    } catch (const Error&) {
      return {};
    }
  }

  const Target& target_;
  Interpreter& interpreter_;
  Objects objects_;
  FrameReader frames_;
  SourceLines sources_;
  Snapshot& snapshot_;
};

}  // namespace

Snapshot capture(const Target& target) {
  Snapshot snapshot;
  snapshot.target = target.info;
  auto interpreter = find_interpreter(target, snapshot.problems);
  snapshot.python.image = interpreter.image;
  snapshot.python.build_id = interpreter.file->build_id();
  snapshot.python.arch = "x86_64";
  snapshot.python.pydebug = interpreter.layout.pydebug;
  snapshot.python.unicode = interpreter.layout.unicode_width == 2 ? "ucs2" : "ucs4";
  FileBackedMemory memory(*target.memory);
  memory.add(*interpreter.file, interpreter.bias);
  Capture(target, interpreter, memory, snapshot).run();
  return snapshot;
}

}  // namespace importlock
