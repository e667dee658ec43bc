#pragma once

#include <cstdint>
#include <initializer_list>

#include "base/address.hpp"
#include "base/architecture.hpp"
#include "base/known.hpp"
#include "elf/elf_file.hpp"
#include "model/snapshot.hpp"
#include "target/memory.hpp"

namespace importlock {

/// How locks are built (Python/thread_pthread.h): on a sem_t, or on a mutex with a condition.
enum class LockKind { semaphore, mutex_and_condition };

/// How the lock at `address`, which may be null, is built in a program that calls both kinds of
/// functions: by the size that glibc's malloc keeps before it. A semaphore where that tells
/// nothing.
LockKind allocated_lock_kind(Memory& memory, Address address, Architecture architecture);

/// How the locks of the program `file` are built: by the functions that it calls, or else by the
/// first lock that there is in the `variables`, which are pointers to one.
LockKind lock_kind_of(Memory& memory, const ElfFile& file, Architecture architecture,
                      std::initializer_list<Known<Address>> variables);

/// The PyThread_type_lock at `address`, which may be null. `locked` is missing where its memory
/// cannot be read.
LockFacts lock_facts(Memory& memory, Address address, LockKind kind, Architecture architecture);

/// Whether the memory at `address` can be such a lock. Throws FaultError.
bool looks_like_lock(Memory& memory, Address address, LockKind kind, Architecture architecture);

}  // namespace importlock
