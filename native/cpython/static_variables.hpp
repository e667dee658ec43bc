#pragma once

#include "base/known.hpp"
#include "elf/elf_file.hpp"

namespace importlock {

/// The static variables of the interpreter by their names in CPython's source, where the linker put
/// them: of 2.7 all but the last two, of 3.6 all but interpreter_lock, and up to 3.11 those of the
/// import lock.
struct StaticVariables {
  Known<LinkAddress> import_lock;         ///< Python/import.c: PyThread_type_lock, starts as 0
  Known<LinkAddress> import_lock_thread;  ///< Python/import.c: long, starts as -1
  Known<LinkAddress> import_lock_level;   ///< Python/import.c: int, starts as 0
  Known<LinkAddress> interp_head;         ///< Python/pystate.c: PyInterpreterState *, starts as 0
  Known<LinkAddress> interpreter_lock;    ///< Python/ceval.c: PyThread_type_lock, starts as 0
  Known<LinkAddress> gil_locked;          ///< Python/ceval_gil.h: int, starts as -1
  Known<LinkAddress> gil_cond;            ///< Python/ceval_gil.h: pthread_cond_t
};

/// The function of Python/import.c by whose machine code the import lock's variables are told.
enum class ImportLockCode {
  reinit,   ///< _PyImport_ReInitLock, of 2.7
  release,  ///< _PyImport_ReleaseLock, alike from 2.7 to 3.11
};

/// By the symbol table of `symbols`, which is `program` or its separate debug file. A symbol counts
/// where the program has a variable of the right size and first value there; of several that do,
/// the one that the program's code names too. Where import_lock_thread's symbol does not lead to
/// its -1, the table is of other addresses than the program and nothing of it counts.
StaticVariables variables_by_symbols(const ElfFile& program, const ElfFile& symbols,
                                     ImportLockCode code = ImportLockCode::reinit);

/// By the machine code of the functions that `program` exports: that of the import lock,
/// PyInterpreterState_Head, PyEval_ThreadsInitialized and, on x86-64, _PyEval_FiniThreads, each
/// checked against the functions that use the same variables and against the variables' first
/// values.
StaticVariables variables_by_code(const ElfFile& program,
                                  ImportLockCode code = ImportLockCode::reinit);

}  // namespace importlock
