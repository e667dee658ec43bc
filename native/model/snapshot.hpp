#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/address.hpp"
#include "base/known.hpp"
#include "base/shared_text.hpp"

namespace importlock {

// What capture() saw in the target: plain values that need no target any more. Everything that the
// report says is derived from one Snapshot by diagnose(), so a test can write a Snapshot by hand.

enum class TargetKind { process, core, remote };

struct TargetInfo {
  TargetKind kind = TargetKind::process;
  std::optional<int> pid;
  std::string executable;
  std::optional<std::string> core;  ///< path of the core file, for a core
};

struct PythonInfo {
  Known<std::string> version;  ///< "2.7.18"
  std::string image;           ///< path of the file that holds the interpreter's code
  std::optional<std::string> build_id;
  std::string arch;             ///< "x86_64", as uname -m has it
  std::optional<bool> pydebug;  ///< built --with-pydebug, whose objects are laid out otherwise
  std::optional<std::string> unicode;  ///< "ucs2" or "ucs4"
};

/// Which evidence gave the address of the lock's variables.
enum class FoundBy { symtab, debug_file, code };

/// A lock of Python/thread_pthread.h: its address, its extent and what its word says.
struct LockFacts {
  Address address;         ///< null: PyThread_allocate_lock has not been called for it yet
  std::uint64_t size = 0;  ///< bytes from `address` in which a waiter's futex can lie
  Known<bool> locked;
};

/// The three variables of Python/import.c (2.7): import_lock, import_lock_thread,
/// import_lock_level.
struct ImportLockFacts {
  Known<LockFacts> lock;
  Known<std::optional<PthreadId>> owner;  ///< empty optional: import_lock_thread is -1, no owner
  Known<int> level;                       ///< how often the owner has taken it
  std::optional<FoundBy> found_by;
};

/// interpreter_lock of Python/ceval.c and _PyThreadState_Current of Python/pystate.c.
struct GilFacts {
  Known<LockFacts> lock;
  Known<std::optional<PthreadId>> holder;  ///< thread of _PyThreadState_Current
};

/// A variable of a frame, its value written as repr() would, bounded in depth and length.
struct Variable {
  std::string name;
  std::string value;
};

/// One Python frame.
struct Frame {
  SharedText function;               ///< co_name; empty where it could not be read
  SharedText file;                   ///< co_filename as the code object has it
  int line = 0;                      ///< 0 where it could not be told
  std::optional<SharedText> source;  ///< that line of the file, where the file is at hand
  bool library = false;              ///< of the standard library, so rarely what has to change
  std::vector<Variable> locals;      ///< arguments first; only where they were asked for
};

/// What the innermost Python frame has asked the interpreter's C code to do.
struct Operation {
  enum class Kind { import, fork, acquire_import_lock, codec_lookup, call };
  Kind kind = Kind::call;
  std::string
      text;  ///< "import decimal", "os.fork", "imp.acquire_lock", "codec lookup", "select.poll"
  std::size_t frame = 0;  ///< index in frames of the line to show for it
  /// Takes the import lock before anything else that can block, so that a thread that does not own
  /// that lock waits for it, or for the GIL.
  bool locks_first = false;
};

/// A module whose body runs in this thread, which is what an import in progress looks like.
struct ModuleInProgress {
  std::string name;
  std::size_t frame = 0;  ///< index in frames of the module's body, or of the import statement
};

/// A wait that the thread's Python frames show, recognised by code and type objects.
struct PythonWait {
  enum class Kind { join, lock, rlock, condition, event, queue, semaphore };
  Kind kind = Kind::join;
  std::string what;  ///< name of the thread that is joined, "Event", "RLock"
  std::string call;  ///< "Thread.join", "Queue.get", "with"
  std::string name;  ///< what the caller calls the object, such as "self.lock"; empty: untold
  /// The one thread that can end it: the joined thread, the owner of an RLock.
  std::optional<PthreadId> thread;
  /// The lock of Python/thread_pthread.h that is waited for, of a plain Lock or an RLock.
  Address lock;
  bool timed = false;            ///< ends by itself after a time
  bool other_processes = false;  ///< a lock of multiprocessing: other processes can release it
  std::size_t frame = 0;         ///< index in frames of the caller, outside the library
};

/// An application's lock that the thread's frames show it to hold.
struct HeldLock {
  Address lock;      ///< as PythonWait has it
  std::string what;  ///< "Lock", "RLock"
  std::string name;  ///< as PythonWait has it
  /// A `with` block is in progress; or a `finally` block that releases the lock lies ahead.
  enum class Shown { with_block, finally_block };
  Shown shown = Shown::with_block;
  std::string file;  ///< where the block begins
  int line = 0;
};

/// A line at which this thread started another, found in code that is still on its stack.
struct ThreadStart {
  PthreadId started{};
  std::string file;
  int line = 0;
};

using SystemCallArguments = std::array<std::uint64_t, 6>;

/// The system call that a thread is in.
struct SystemCall {
  long number = -1;
  std::string name;  ///< "futex", "read", as x86-64 names it; the number where it is unknown
  SystemCallArguments arguments{};
  std::optional<Address> futex;  ///< of a FUTEX_WAIT: the word that is waited on
  bool timed = false;            ///< a FUTEX_WAIT that ends by itself after a time
};

struct ThreadFacts {
  std::optional<Lwp> lwp;         ///< missing where the Python thread has no native thread any more
  std::optional<int> gdb_thread;  ///< gdb's number, where gdb is the door
  std::optional<PthreadId> ident;
  std::string name;           ///< from threading._active; empty where that does not know the thread
  bool python = false;        ///< has a PyThreadState
  bool whole = true;          ///< false where part of its frames or their objects was unreadable
  std::vector<Frame> frames;  ///< innermost first
  std::vector<ModuleInProgress> importing;  ///< outermost first, without __main__
  /// Why the thread can be believed to hold the import lock: an import, a fork or
  /// imp.acquire_lock on its stack. Empty where nothing on the stack says so.
  std::string import_lock_evidence;
  std::optional<Operation> operation;
  std::optional<PythonWait> wait;
  std::vector<HeldLock> held;
  /// Between two rounds of a housekeeping of the library that ends nobody's wait.
  bool housekeeping = false;
  std::vector<ThreadStart> starts;
  /// Missing: cannot be told. Empty optional: the thread is in no system call, it runs.
  Known<std::optional<SystemCall>> system_call;
  std::string call_object;  ///< what that call works on: the path of its file, "process 4243"
};

struct Snapshot {
  TargetInfo target;
  PythonInfo python;
  ImportLockFacts import_lock;
  GilFacts gil;
  std::vector<ThreadFacts> threads;
  bool all_thread_states = true;      ///< false where the list of thread states broke off
  std::vector<std::string> problems;  ///< what could not be read, one clause each
};

}  // namespace importlock
