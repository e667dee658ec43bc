#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "cpython/frames.hpp"
#include "cpython/library.hpp"
#include "model/snapshot.hpp"

namespace importlock {

/// Recognises in a thread's Python frames what it waits for and which locks it holds.
class WaitReader {
 public:
  /// All three must outlive this.
  WaitReader(Objects& objects, FrameReader& frames, const Library& library)
      : objects_(objects), frames_(frames), library_(library) {}

  /// The wait that the innermost frames are in: a method of threading's or Queue's objects, or the
  /// `acquire` or `with` of a plain lock. Throws FaultError, FormatError.
  std::optional<PythonWait> wait(const std::vector<RawFrame>& frames);

  /// The locks that `with` blocks and `finally` blocks in progress show the thread to hold. What
  /// cannot be read is left out, and `problem`, where it is empty, says why.
  std::vector<HeldLock> held(const std::vector<RawFrame>& frames, PthreadId ident,
                             std::string& problem);

  /// Finds the loop that a timed wait is made in.
  void find_loop(PythonWait& wait, const std::vector<RawFrame>& frames);

  /// Names the thread of a `join` for whose end a thread waits that is parked for `event`.
  void find_joined(PythonWait& wait, Address event);

  /// The ident of a threading.Thread that runs; nothing before its start and after its end.
  std::optional<PthreadId> ident_of(Address thread);

 private:
  struct Lock {
    Address address;  ///< of Python/thread_pthread.h's lock, or of the SemLock object
    const char* what = "Lock";
    std::optional<PthreadId> owner;  ///< of an RLock
    PythonWait::Kind kind = PythonWait::Kind::lock;
  };
  [[nodiscard]] const Names& names() const { return *library_.names; }
  bool has_stopped(Address thread);
  bool is_none(Address object);
  static Lock process_lock(Address semlock);
  /// The lock that an object is or wraps: a plain lock, an RLock, the lock of a Condition.
  std::optional<Lock> lock_of(Address object);
  /// What the member of a lock object at `member` points to. Throws FaultError, FormatError.
  Address allocated_lock(Address member);
  /// The same as lock_of for a lock or an RLock of C.
  std::optional<Lock> c_lock_of(Address object);
  /// Whether the lock lies in the objects of that type, rather than somewhere that they point to.
  bool holds_mutex(Address type, Layout::Offset size_with_mutex);
  /// The lock whose `acquire` or `__enter__` the frame is calling.
  std::optional<Lock> lock_being_taken(const RawFrame& frame, std::string& call);
  /// The object X of the first `X.release()` in the handler of a `finally` block, and its name;
  /// null where that is behind a condition that does not hold.
  Address released_in(const RawFrame& frame, std::size_t handler, std::string& name);
  /// The lock of a `with` or `finally` block in progress.
  std::optional<HeldLock> held_by(const RawFrame& frame, const Block& block, PthreadId ident);
  /// The locks that a frame has called acquire() of, and not yet release(), as its code runs
  /// straight down.
  void add_acquired(const RawFrame& frame, PthreadId ident, std::vector<HeldLock>& acquired);
  /// Whether the result of a call that ends at `offset` is thrown away or decides what runs next;
  /// an acquire() that may have failed is else no sign that the lock was had.
  bool is_tested(const RawFrame& frame, std::size_t offset);
  /// The lock that an object is, or nothing where it is none or cannot be read.
  std::optional<Lock> lock_or_nothing(Address object);
  Address attribute_or_null(Address object, std::string_view name);
  /// Whether the code mentions `name`.
  bool mentions(const RawFrame& frame, std::string_view name);
  /// How long a wait in Condition.wait goes on at most; nothing where it is not timed.
  std::optional<double> seconds_left(const RawFrame& frame, Address timeout);
  /// What the frame calls the object whose `method` it calls, or that a `with` statement takes.
  std::string receiver(const RawFrame& frame, std::string_view method);
  /// The text of the loads before `end`, such as "self.lock"; of those before the last load of the
  /// attribute `method`, where that is not empty.
  const std::string& expression(const RawFrame& frame, std::size_t end, std::string_view method);
  std::string read_expression(const RawFrame& frame, std::size_t end, std::string_view method);
  std::size_t caller(const std::vector<RawFrame>& frames, std::size_t from) const;
  /// The wait for the thread that a frame of Thread.join or the like is about.
  PythonWait join_of(Address thread);
  /// The thread whose end releases that lock; null where there is none.
  Address thread_ended_by(Address lock);
  /// The wait of `_ModuleLock.acquire`, which is the innermost frame.
  std::optional<PythonWait> module_lock_wait(const std::vector<RawFrame>& frames);
  /// The wait of Condition.wait, which is the innermost frame.
  PythonWait condition_wait(const std::vector<RawFrame>& frames);
  [[nodiscard]] std::optional<Function> function(const std::vector<RawFrame>& frames,
                                                 std::size_t i) const {
    return i < frames.size() ? library_.function(frames[i].code_address) : std::nullopt;
  }

  Objects& objects_;
  FrameReader& frames_;
  const Library& library_;
  /// By code object, `end` and `method`: threads that are alike ask for the same.
  std::map<std::tuple<Address, std::size_t, std::string>, std::string> expressions_;
  std::map<std::pair<Address, std::string_view>, bool> mentions_;  ///< by code object
  std::string lost_;  ///< what lock_or_nothing() and attribute_or_null() could not read
};

}  // namespace importlock
