#include "cpython/variables.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "cpython/static_variables.hpp"
#include "elf/debug_file.hpp"

namespace importlock {

namespace {

// Each nested import adds one, and Python's recursion limit ends the nesting long before.
constexpr std::int32_t most_levels = 1'000'000;

/// Checks in the target's memory what the machine code gave. Each function returns what speaks
/// against the addresses; nothing where all is well.
class MemoryCheck {
 public:
  MemoryCheck(const Target& target, LockKind lock_kind, StaticsOf version)
      : memory_(*target.memory),
        architecture_(target.architecture),
        word_(word_size(target.architecture)),
        lock_kind_(lock_kind),
        before_interp_(version == StaticsOf::v27 ? 1 : 2) {}

  /// Python/import.c: the lock is held where it has an owner, and then has a level.
  [[nodiscard]] std::optional<std::string> import_lock(Address lock, Address thread,
                                                       Address level) const {
    try {
      if (auto why = lock_pointer(lock)) return why;
      const auto owner = word(thread);
      const auto depth = memory_.value<std::int32_t>(level);
      if (owner == to_word(~std::uint64_t{0}, word_)) {
        if (depth != 0) return fmt::format("it has no owner, but the level {}", depth);
        return std::nullopt;
      }
      // glibc and musl: pthread_self() is the address of the thread's own structure.
      if (owner == 0 || owner % word_ != 0) {
        return fmt::format("its owner {} is no pthread id", to_hex(owner));
      }
      if (depth < 1 || depth > most_levels) {
        return fmt::format("it has the owner {}, but the level {}", to_hex(owner), depth);
      }
      if (word(lock) == 0) return "it has an owner, but no lock";
      return std::nullopt;
    } catch (const FaultError& error) {
      return error.what();
    }
  }

  /// Python/pystate.c: each PyThreadState leads back to its PyInterpreterState. These fields lie
  /// alike in all builds: next, tstate_head and next, interp; since 3.4 prev, next, interp.
  [[nodiscard]] std::optional<std::string> interp_head(Address head) const {
    try {
      const Address interpreter{word(head)};
      if (interpreter.is_null()) return std::nullopt;
      const Address state{word(interpreter + word_)};
      if (!state.is_null() && word(state + before_interp_ * word_) != interpreter.value()) {
        return "its first thread state does not lead back to it";
      }
      return std::nullopt;
    } catch (const FaultError& error) {
      return error.what();
    }
  }

  [[nodiscard]] std::optional<std::string> interpreter_lock(Address lock) const {
    try {
      return lock_pointer(lock);
    } catch (const FaultError& error) {
      return error.what();
    }
  }

  /// Python/ceval_gil.h: -1 until the GIL is created.
  [[nodiscard]] std::optional<std::string> gil_locked(Address locked) const {
    try {
      const auto value = memory_.value<std::int32_t>(locked);
      if (value >= -1 && value <= 1) return std::nullopt;
      return fmt::format("it is {}", value);
    } catch (const FaultError& error) {
      return error.what();
    }
  }

 private:
  [[nodiscard]] std::uint64_t word(Address address) const { return memory_.word(address, word_); }

  [[nodiscard]] std::optional<std::string> lock_pointer(Address variable) const {
    const Address lock{word(variable)};
    if (lock.is_null() || looks_like_lock(memory_, lock, lock_kind_, architecture_)) {
      return std::nullopt;
    }
    return fmt::format("there is no lock at {}", to_hex(lock));
  }

  Memory& memory_;
  Architecture architecture_;
  unsigned word_;
  LockKind lock_kind_;
  std::uint64_t before_interp_;  ///< fields of a PyThreadState, each a word
};

/// What the rungs have given so far.
class Ladder {
 public:
  Ladder(const ElfFile& file, LoadBias bias, MemoryCheck check, StaticsOf version,
         std::vector<std::string>& problems)
      : file_(file), bias_(bias), check_(check), version_(version), problems_(problems) {}

  [[nodiscard]] bool complete() const {
    if (!variables_.import_lock) return false;
    if (version_ == StaticsOf::v37_to_311) return true;
    const bool gil = version_ == StaticsOf::v27 ? variables_.interpreter_lock.has_value()
                                                : variables_.gil_locked && variables_.gil_cond;
    return gil && variables_.interp_head;
  }

  /// Takes what is not there yet from a rung.
  void take(const StaticVariables& found, FoundBy rung) {
    if (!variables_.import_lock) take_import_lock(found, rung);
    if (version_ == StaticsOf::v37_to_311) return;
    if (!variables_.interp_head) {
      variables_.interp_head = checked(found.interp_head, rung, "interp_head",
                                       [&](Address head) { return check_.interp_head(head); });
    }
    if (version_ == StaticsOf::v36) {
      take_gil(found, rung);
    } else if (!variables_.interpreter_lock) {
      variables_.interpreter_lock =
          checked(found.interpreter_lock, rung, "interpreter_lock",
                  [&](Address lock) { return check_.interpreter_lock(lock); });
    }
  }

  [[nodiscard]] const Variables& variables() const { return variables_; }

 private:
  void take_gil(const StaticVariables& found, FoundBy rung) {
    if (!variables_.gil_locked) {
      variables_.gil_locked = checked(found.gil_locked, rung, "gil_locked",
                                      [&](Address locked) { return check_.gil_locked(locked); });
    }
    if (!variables_.gil_cond) variables_.gil_cond = located(found.gil_cond);
  }

  Known<Address> located(const Known<LinkAddress>& variable) const {
    if (variable) return bias_ + *variable;
    return Missing{variable.why()};
  }

  void take_import_lock(const StaticVariables& found, FoundBy rung) {
    variables_.import_lock = located(found.import_lock);
    variables_.import_lock_thread = located(found.import_lock_thread);
    variables_.import_lock_level = located(found.import_lock_level);
    const bool whole = found.import_lock && found.import_lock_thread && found.import_lock_level;
    if (whole && rung == FoundBy::code) {
      const auto why = check_.import_lock(*variables_.import_lock, *variables_.import_lock_thread,
                                          *variables_.import_lock_level);
      if (why) {
        refuse("import_lock", *why);
        drop_import_lock(*why);
        return;
      }
    }
    if (whole) {
      variables_.found_by = rung;
      return;
    }
    const auto& gap = !found.import_lock          ? found.import_lock
                      : !found.import_lock_thread ? found.import_lock_thread
                                                  : found.import_lock_level;
    drop_import_lock(gap.why());
  }

  void drop_import_lock(const std::string& why) {
    variables_.import_lock = variables_.import_lock_thread = variables_.import_lock_level =
        Missing{why};
  }

  template <typename Check>
  Known<Address> checked(const Known<LinkAddress>& variable, FoundBy rung, std::string_view name,
                         Check check) {
    auto address = located(variable);
    if (!address || rung != FoundBy::code) return address;
    if (const std::optional<std::string> why = check(*address)) {
      refuse(name, *why);
      return Missing{*why};
    }
    return address;
  }

  void refuse(std::string_view name, std::string_view why) {
    problems_.push_back(fmt::format("{} as the machine code of {} has it is not used: {}", name,
                                    file_.path(), why));
  }

  const ElfFile& file_;
  LoadBias bias_;
  MemoryCheck check_;
  StaticsOf version_;
  std::vector<std::string>& problems_;
  Variables variables_;
};

void climb(Ladder& ladder, const ElfFile& file, ImportLockCode code, const Target& target,
           std::vector<std::string>& problems) {
  ladder.take(variables_by_symbols(file, file, code), FoundBy::symtab);
  if (ladder.complete()) return;
  if (const auto debug = find_debug_file(file, target.files.debug_directories,
                                         target.files.debug_files, problems)) {
    ladder.take(variables_by_symbols(file, *debug, code), FoundBy::debug_file);
  }
  if (ladder.complete()) return;
  ladder.take(variables_by_code(file, code), FoundBy::code);
}

}  // namespace

Variables find_variables(const ElfFile& file, LoadBias bias, LockKind lock_kind,
                         const Target& target, std::vector<std::string>& problems,
                         StaticsOf version) {
  Ladder ladder(file, bias, MemoryCheck(target, lock_kind, version), version, problems);
  const auto code = version == StaticsOf::v27 ? ImportLockCode::reinit : ImportLockCode::release;
  climb(ladder, file, code, target, problems);
  return ladder.variables();
}

}  // namespace importlock
