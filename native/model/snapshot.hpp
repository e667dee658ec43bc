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
  std::optional<std::string> unicode;  ///< "ucs2" or "ucs4"; 3.3 and later have neither
  bool free_threaded = false;          ///< built with --disable-gil (3.13 and later)
};

/// Which evidence gave the address of the lock's variables; `runtime`: they are in `_PyRuntime` or
/// an interpreter's state (3.12 and later).
enum class FoundBy { symtab, debug_file, code, runtime };

/// A lock of Python/thread_pthread.h: its address, its extent and what its word says.
struct LockFacts {
  Address address;         ///< null: PyThread_allocate_lock has not been called for it yet
  std::uint64_t size = 0;  ///< bytes from `address` in which a waiter's futex can lie
  Known<bool> locked;

  /// Whether a thread that waits on `futex` waits for this lock.
  [[nodiscard]] bool spans(Address futex) const {
    return !address.is_null() && futex >= address && futex - address < size;
  }
};

/// The three variables of Python/import.c (2.7): import_lock, import_lock_thread,
/// import_lock_level.
struct ImportLockFacts {
  Known<LockFacts> lock;
  Known<std::optional<PthreadId>> owner;  ///< empty optional: import_lock_thread is -1, no owner
  Known<int> level;                       ///< how often the owner has taken it
  std::optional<FoundBy> found_by;
};

/// interpreter_lock of Python/ceval.c and _PyThreadState_Current of Python/pystate.c (2.7); struct
/// _gil_runtime_state of Include/internal (3.x), where `lock` spans its condition variable.
struct GilFacts {
  Known<LockFacts> lock;
  Known<std::optional<PthreadId>> holder;  ///< thread of the thread state that holds it
  bool none = false;  ///< a free-threaded build that runs without; its lock is null
};

/// The lock of one module, a `_ModuleLock` of Lib/importlib/_bootstrap.py (3.3 and later).
struct ModuleLockFacts {
  std::string module;
  Address address;  ///< of the object: what PythonWait::lock is for those that wait for it
  std::optional<PthreadId> owner;
  int count = 0;  ///< how often the owner has taken it; 0 while it is handed over
  /// Whether the thread of the owner's id shows on its stack that it imports the module. Ids are
  /// reused: where it does not, that thread need not be the owner.
  bool owner_shows_it = true;
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
  enum class Kind {
    join,
    lock,
    rlock,
    condition,
    event,
    queue,
    semaphore,
    barrier,
    future,
    module_lock,
    process_lock,  ///< of multiprocessing: other processes can release it
  };
  Kind kind = Kind::join;
  std::string what;  ///< name of the thread that is joined, "Event", "RLock"
  std::string call;  ///< "Thread.join", "Queue.get", "with"
  std::string name;  ///< what the caller calls the object, such as "self.lock"; empty: untold
  /// The one thread that can end it: the joined thread, the owner of an RLock or a module's lock.
  std::optional<PthreadId> thread;
  /// What is waited for, of a plain Lock or an RLock the lock of Python/thread_pthread.h, of a
  /// module's lock its object.
  Address lock;
  bool timed = false;  ///< ends by itself after a time
  /// Of a timed one: how many seconds it goes on at most.
  std::optional<double> seconds_left;
  /// Index in frames of the innermost caller that is in a loop around it: a timed wait in a loop
  /// may be made again and again.
  std::optional<std::size_t> loop;
  int loop_line = 0;      ///< of the code where that loop begins
  std::size_t frame = 0;  ///< index in frames of the caller, outside the library
};

/// An application's lock that the thread's frames show it to hold.
struct HeldLock {
  Address lock;      ///< as PythonWait has it
  std::string what;  ///< "Lock", "RLock"
  std::string name;  ///< as PythonWait has it
  /// A `with` block is in progress; a `finally` block that releases the lock lies ahead; the code
  /// has called acquire() and not yet release(). Each says more than the next.
  enum class Shown { with_block, finally_block, acquire_call };
  Shown shown = Shown::with_block;
  std::string file;  ///< where the block begins
  int line = 0;
  std::size_t frame = 0;  ///< index in frames of the one that shows it
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
  std::optional<Address> futex;  ///< of a FUTEX_WAIT or FUTEX_LOCK_PI: the word that is waited on
  bool timed = false;            ///< a FUTEX_WAIT that ends by itself after a time
  /// Of a call with a time-out: how many seconds it was to last at most when it began.
  std::optional<double> time_out;

  bool operator==(const SystemCall& other) const = default;
};

/// What a thread waits for on a futex that no object of Python explains: a lock of the C library or
/// of C code, told by its memory.
struct NativeLock {
  enum class Kind {
    unknown,
    semaphore,  ///< sem_t, which is also what a PyThread_type_lock of C code is
    mutex,
    rwlock,
    condition_variable,
    barrier,
    once,    ///< pthread_once or the guard of a static variable: somebody else initialises it
    stream,  ///< the lock of a FILE
    /// What a thread keeps while it runs Python or C code that does not let go of it, in a
    /// free-threaded build, and what another waits for that stops them all for a moment.
    attached_thread_state,
    gil,  ///< that of a sub-interpreter which has its own (3.12 and later)
  };
  Kind kind = Kind::unknown;
  Address address;     ///< of the whole lock; of an unknown one the futex
  std::string symbol;  ///< "_rtld_global in ld-linux-x86-64.so.2"; empty where there is none
  /// Who holds it, by its memory. Empty optional: its memory names none.
  std::optional<Lwp> owner;
  bool owner_lives = true;  ///< false where `owner` is no thread of the process
  bool shared = false;      ///< lies in memory that other processes can have mapped
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
  std::optional<NativeLock> native_lock;  ///< where `wait` is empty and it is in a futex
  std::vector<HeldLock> held;
  /// Between two rounds of a housekeeping of the library that ends nobody's wait.
  bool housekeeping = false;
  std::vector<ThreadStart> starts;
  /// Missing: cannot be told. Empty optional: the thread is in no system call, it runs.
  Known<std::optional<SystemCall>> system_call;
  std::string call_object;  ///< what that call works on: the path of its file, "process 4243"
  int states = 1;           ///< in how many interpreters it has a PyThreadState
  bool has_gil = false;     ///< its thread state is the one that runs Python code
  bool own_gil = false;     ///< it runs in a sub-interpreter that has its own GIL
  bool exiting = false;     ///< waits at the end of the program for threads that are no daemons
};

struct Snapshot {
  TargetInfo target;
  PythonInfo python;
  ImportLockFacts import_lock;
  GilFacts gil;
  std::vector<ModuleLockFacts> module_locks;  ///< that are held or waited for
  std::vector<ThreadFacts> threads;
  bool all_thread_states = true;  ///< false where the list of thread states broke off
  bool stood_still = false;       ///< no thread of a live process ran while it was read
  bool ran_on = false;            ///< a live process never kept still while it was read
  bool threads_changed = false;   ///< some came or went then
  bool whole_target = true;       ///< false where a core is damaged, or threads were missed
  /// A signal interrupts the waits of the main thread for locks, so that a handler written in
  /// Python can end them (3.2 and later).
  bool signals_interrupt_waits = false;
  /// Of a version of CPython that is newer than any known: what it was read as, and why. No verdict
  /// on it is certain.
  std::string newer;
  std::vector<std::string> problems;  ///< what could not be read, one clause each
};

}  // namespace importlock
