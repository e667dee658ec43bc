#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "base/address.hpp"
#include "cpython/names.hpp"
#include "cpython/objects.hpp"

namespace importlock {

/// What of the standard library one interpreter of the target has loaded. Functions are known by
/// the addresses of their code objects, so that an application's `wait` is not taken for theirs.
struct Library {
  explicit Library(const Names& version) : names(&version) {}

  const Names* names;
  std::unordered_map<Address, Function> functions;  ///< by code object
  std::unordered_set<std::string> files;            ///< co_filename of those functions
  std::string folder;                               ///< of its files; empty where unknown
  std::string problem;                              ///< why it is not whole; empty where it is
  Address thread, python_rlock, condition;          ///< classes of threading
  Address process_lock, process_rlock;              ///< classes of multiprocessing.synchronize
  Address lock;                                     ///< the type of locks: thread.LockType
  Address rlock;                                    ///< the type of RLocks that C makes
  Address module_lock;                              ///< class of importlib._bootstrap
  Address module_locks;                             ///< its dict of name to weakref
  Address modules;                                  ///< sys.modules
  std::unordered_map<PthreadId, Address> active;    ///< threading._active: ident to Thread

  /// Whether a co_filename is the standard library's: below its folder, and not installed there.
  [[nodiscard]] bool owns(std::string_view file) const;

  [[nodiscard]] std::optional<Function> function(Address code) const {
    const auto found = functions.find(code);
    return found == functions.end() ? std::nullopt : std::optional(found->second);
  }
};

/// Looks the library up in sys.modules of an interpreter. What is not loaded stays null, and so
/// does what cannot be read, of which `problem` tells.
Library read_library(Objects& objects, Address modules, const Names& names);

}  // namespace importlock
