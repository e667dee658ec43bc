#include "cpython/static_variables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "base/architecture.hpp"
#include "elf/code_accesses.hpp"

namespace importlock {

namespace {

enum class Size : std::uint8_t {
  word,       ///< of a pointer or a long
  integer,    ///< 4 bytes on every machine
  condition,  ///< sizeof(pthread_cond_t): 48 bytes on every machine
};

struct Trait {
  std::string_view name;
  Known<LinkAddress> StaticVariables::*member;
  Size size;
  bool is_minus;  ///< starts as -1, unlike the others
};
constexpr Trait import_lock{"import_lock", &StaticVariables::import_lock, Size::word, false};
constexpr Trait import_lock_thread{"import_lock_thread", &StaticVariables::import_lock_thread,
                                   Size::word, true};
constexpr Trait import_lock_level{"import_lock_level", &StaticVariables::import_lock_level,
                                  Size::integer, false};
constexpr Trait interp_head{"interp_head", &StaticVariables::interp_head, Size::word, false};
constexpr Trait interpreter_lock{"interpreter_lock", &StaticVariables::interpreter_lock, Size::word,
                                 false};
constexpr Trait gil_locked{"gil_locked", &StaticVariables::gil_locked, Size::integer, true};
constexpr Trait gil_cond{"gil_cond", &StaticVariables::gil_cond, Size::condition, false};
constexpr std::array traits{import_lock,      import_lock_thread, import_lock_level, interp_head,
                            interpreter_lock, gil_locked,         gil_cond};

constexpr std::string_view reinit_lock = "_PyImport_ReInitLock";
constexpr std::string_view import_acquire = "_PyImport_AcquireLock";
constexpr std::string_view import_release = "_PyImport_ReleaseLock";
constexpr std::string_view interpreter_head = "PyInterpreterState_Head";
constexpr std::string_view interpreter_new = "PyInterpreterState_New";
constexpr std::string_view current_frames = "_PyThread_CurrentFrames";
constexpr std::string_view threads_initialized = "PyEval_ThreadsInitialized";
constexpr std::string_view eval_acquire = "PyEval_AcquireLock";
constexpr std::string_view eval_release = "PyEval_ReleaseLock";
constexpr std::string_view eval_init = "PyEval_InitThreads";
constexpr std::string_view eval_reinit = "PyEval_ReInitThreads";
constexpr std::string_view eval_fini = "_PyEval_FiniThreads";
constexpr std::array function_names{reinit_lock,         import_acquire,  import_release,
                                    interpreter_head,    interpreter_new, current_frames,
                                    threads_initialized, eval_acquire,    eval_release,
                                    eval_init,           eval_reinit,     eval_fini};

unsigned word_of(const ElfFile& program) {
  const auto architecture = architecture_of_machine(program.machine());
  return architecture ? word_size(*architecture) : 8;
}

unsigned width_of(const Trait& trait, unsigned word) {
  switch (trait.size) {
    case Size::word: break;
    case Size::integer: return 4;
    case Size::condition: return 48;
  }
  return word;
}

std::uint64_t all_ones(unsigned width) { return width == 8 ? ~std::uint64_t{0} : 0xffff'ffff; }

/// Whether `address` is a variable that starts as `trait`'s does.
bool starts_as(const ElfFile& program, const Trait& trait, LinkAddress address) {
  const auto word = word_of(program);
  const auto width = std::min(width_of(trait, word), word);
  if (static_cast<std::uint64_t>(address) % width != 0) return false;
  return program.initial_value(address, width) == (trait.is_minus ? all_ones(width) : 0);
}

/// Reads a program's functions for what they do to its variables.
class FunctionCode {
 public:
  FunctionCode(const ElfFile& program, ImportLockCode code)
      : program_(program), code_(code), word_(word_of(program)) {
    // A program that exports nothing can still have its global symbols in .symtab.
    functions_ = program.symbols(ElfFile::Table::symtab, function_names).defined;
    functions_.merge(program.symbols(ElfFile::Table::dynsym, function_names).defined);
  }

  StaticVariables variables() const {
    StaticVariables result;
    read_import_lock(result);
    result.interp_head = only_variable(interpreter_head, word_);
    confirm(result, interp_head, {interpreter_new, current_frames});
    result.interpreter_lock = only_variable(threads_initialized, word_);
    confirm(result, interpreter_lock, {eval_acquire, eval_release});
    result.gil_locked = only_variable(threads_initialized, width_of(gil_locked, word_));
    confirm(result, gil_locked, {eval_init, eval_reinit});
    result.gil_cond = destroyed_condition(result.gil_locked);
    refuse_doubles(result);
    return result;
  }

 private:
  using Accesses = std::vector<CodeAccess>;

  std::optional<Accesses> all_accesses(std::string_view name) const {
    const auto function = functions_.find(name);
    if (function == functions_.end()) return std::nullopt;
    return variable_accesses(program_, function->second.front());
  }

  /// Its loads and stores.
  std::optional<Accesses> accesses(std::string_view name) const {
    auto all = all_accesses(name);
    if (all) {
      std::erase_if(*all, [](const auto& each) { return each.kind == CodeAccess::Kind::argument; });
    }
    return all;
  }

  Missing not_understood(std::string_view name) const {
    return Missing{functions_.contains(name)
                       ? fmt::format("the machine code of {} is not as expected", name)
                       : fmt::format("there is no symbol {} to read the code of", name)};
  }

  /// The one address among `addresses`.
  Known<LinkAddress> only(const std::set<LinkAddress>& addresses, std::string_view name) const {
    if (addresses.size() != 1) return not_understood(name);
    return *addresses.begin();
  }

  /// The one variable that a function uses.
  Known<LinkAddress> only_variable(std::string_view name, unsigned width) const {
    const auto used = accesses(name);
    if (!used) return not_understood(name);
    std::set<LinkAddress> addresses;
    for (const auto& access : *used) {
      if (access.width != width) return not_understood(name);
      addresses.insert(access.address);
    }
    return only(addresses, name);
  }

  /// Python/ceval_gil.h of 3.6, destroy_gil, which is all of _PyEval_FiniThreads: gil_cond is
  /// destroyed first, then gil_mutex and what serves to switch, and gil_locked becomes -1.
  Known<LinkAddress> destroyed_condition(const Known<LinkAddress>& locked) const {
    if (!locked) return Missing{locked.why()};
    const auto used = all_accesses(eval_fini);
    if (!used) return not_understood(eval_fini);
    std::vector<LinkAddress> destroyed;
    bool unlocks = false;
    for (const auto& access : *used) {
      if (access.kind == CodeAccess::Kind::argument) destroyed.push_back(access.address);
      unlocks = unlocks || (access.address == *locked && access.stored == all_ones(4));
    }
    constexpr std::size_t both = 2;
    if (!unlocks || destroyed.size() < both ||
        !program_.holds_variable(destroyed.front(), width_of(gil_cond, word_)) ||
        !starts_as(program_, gil_cond, destroyed.front())) {
      return not_understood(eval_fini);
    }
    return destroyed.front();
  }

  void read_import_lock(StaticVariables& result) const {
    code_ == ImportLockCode::reinit ? read_by_reinit(result) : read_by_release(result);
    constexpr std::array three{import_lock, import_lock_thread, import_lock_level};
    const auto* const user = code_ == ImportLockCode::reinit ? &import_release : &import_acquire;
    for (const auto& trait : three) confirm(result, trait, {import_acquire, *user});
    // They share what their addresses are told from: where one is wrong, none is to be trusted.
    const auto wrong = std::ranges::find_if(
        three, [&](const Trait& trait) { return !(result.*trait.member).has_value(); });
    if (wrong == three.end()) return;
    const auto why = (result.*wrong->member).why();
    for (const auto& trait : three) result.*trait.member = Missing{why};
  }

  /// Python/import.c, _PyImport_ReleaseLock: nothing without import_lock; an owner compared with
  /// import_lock_thread; import_lock_level less one, and at 0 import_lock_thread = -1.
  void read_by_release(StaticVariables& result) const {
    const auto used = accesses(import_release);
    if (!used) {
      result.import_lock = result.import_lock_thread = result.import_lock_level =
          not_understood(import_release);
      return;
    }
    std::set<LinkAddress> threads;
    std::set<LinkAddress> levels;
    std::set<LinkAddress> locks;
    for (const auto& access : *used) {
      const bool is_store = access.kind == CodeAccess::Kind::store;
      if (is_store && access.width == word_ && access.stored == all_ones(word_)) {
        threads.insert(access.address);
      }
    }
    // On 32 bits an int is as wide as the others.
    for (const auto& access : *used) {
      const bool is_level = access.kind == CodeAccess::Kind::store && access.width == 4;
      if (is_level && !threads.contains(access.address)) levels.insert(access.address);
    }
    for (const auto& access : *used) {
      const bool known = threads.contains(access.address) || levels.contains(access.address);
      if (access.width == word_ && !known) locks.insert(access.address);
    }
    // With PyThread_get_thread_ident in it the code also reads Python/thread.c's `initialized`.
    if (locks.size() > 1) keep_created(locks);
    result.import_lock = only(locks, import_release);
    result.import_lock_thread = only(threads, import_release);
    result.import_lock_level = only(levels, import_release);
  }

  /// Keeps what _PyImport_AcquireLock stores a value in that its code does not tell, as it does a
  /// new import_lock.
  void keep_created(std::set<LinkAddress>& locks) const {
    const auto used = accesses(import_acquire);
    std::erase_if(locks, [&](LinkAddress address) {
      return !used || std::ranges::none_of(*used, [&](const CodeAccess& access) {
        return access.address == address && access.kind == CodeAccess::Kind::store &&
               !access.stored;
      });
    });
  }

  /// Python/import.c, _PyImport_ReInitLock (2.7.0 to 2.7.18): a new import_lock where there is one,
  /// then import_lock_thread = -1 and import_lock_level = 0.
  void read_by_reinit(StaticVariables& result) const {
    const auto used = accesses(reinit_lock);
    if (!used) {
      result.import_lock = result.import_lock_thread = result.import_lock_level =
          not_understood(reinit_lock);
      return;
    }
    std::set<LinkAddress> threads;
    std::set<LinkAddress> levels;
    std::set<LinkAddress> locks;
    for (const auto& access : *used) {
      const bool is_store = access.kind == CodeAccess::Kind::store;
      if (is_store && access.width == word_ && access.stored == all_ones(word_)) {
        threads.insert(access.address);
      } else if (is_store && access.width == 4 && access.stored == 0) {
        levels.insert(access.address);
      } else {
        locks.insert(access.address);
      }
    }
    result.import_lock = only(locks, reinit_lock);
    result.import_lock_thread = only(threads, reinit_lock);
    result.import_lock_level = only(levels, reinit_lock);
  }

  /// Keeps a variable where it starts as it should, and `functions` use it too.
  void confirm(StaticVariables& result, const Trait& trait,
               std::initializer_list<std::string_view> functions) const {
    auto& variable = result.*trait.member;
    if (!variable) return;
    if (!starts_as(program_, trait, *variable)) {
      variable = Missing{"what the machine code uses there does not start as it should"};
      return;
    }
    const auto width = width_of(trait, word_);
    const bool used = std::ranges::any_of(functions, [&](std::string_view name) {
      const auto all = accesses(name);
      return all && std::ranges::any_of(*all, [&](const CodeAccess& access) {
               return access.address == *variable && access.width == width;
             });
    });
    if (!used) {
      variable = Missing{fmt::format("{} does not use the variable that the code of others does",
                                     *functions.begin())};
    }
  }

  static void refuse_doubles(StaticVariables& variables) {
    std::set<LinkAddress> seen;
    bool distinct = true;
    for (const auto& trait : traits) {
      const auto& variable = variables.*trait.member;
      if (variable && !seen.insert(*variable).second) distinct = false;
    }
    if (distinct) return;
    for (const auto& trait : traits) {
      variables.*trait.member = Missing{"the machine code uses one address for two variables"};
    }
  }

  const ElfFile& program_;
  ImportLockCode code_;
  unsigned word_;
  SymbolsByName functions_;
};

}  // namespace

StaticVariables variables_by_symbols(const ElfFile& program, const ElfFile& symbols,
                                     ImportLockCode import_lock_code) {
  std::array<std::string_view, traits.size()> names;
  std::ranges::transform(traits, names.begin(), &Trait::name);
  constexpr std::uint64_t largest = 48;
  const auto found = symbols.symbols(ElfFile::Table::symtab, names, largest).defined;
  const auto word = word_of(program);
  std::optional<StaticVariables> code;
  StaticVariables result;
  bool other_addresses = false;
  for (const auto& trait : traits) {
    auto& variable = result.*trait.member;
    const auto entry = found.find(trait.name);
    if (entry == found.end()) {
      variable = Missing{fmt::format("symbol {} was not found", trait.name)};
      continue;
    }
    std::set<LinkAddress> fitting;
    for (const auto& symbol : entry->second) {
      const bool fits = symbol.size == 0 || symbol.size == width_of(trait, word);
      if (fits && starts_as(program, trait, symbol.address)) fitting.insert(symbol.address);
    }
    if (fitting.empty()) {
      variable = Missing{fmt::format("symbol {} leads to no such variable", trait.name)};
      other_addresses = other_addresses || trait.name == import_lock_thread.name;
      continue;
    }
    if (fitting.size() == 1) {
      variable = *fitting.begin();
      continue;
    }
    if (!code) code = variables_by_code(program, import_lock_code);
    const auto& by_code = *code.*trait.member;
    if (by_code && fitting.contains(*by_code)) {
      variable = *by_code;
    } else {
      variable = Missing{fmt::format("symbol {} is there more than once", trait.name)};
    }
  }
  if (other_addresses) {
    for (const auto& trait : traits) {
      result.*trait.member = Missing{
          fmt::format("the symbols of {} are not those of {}", symbols.path(), program.path())};
    }
  }
  return result;
}

StaticVariables variables_by_code(const ElfFile& program, ImportLockCode code) {
  return FunctionCode(program, code).variables();
}

}  // namespace importlock
