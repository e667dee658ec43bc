#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <unordered_set>

#include "base/address.hpp"
#include "base/architecture.hpp"
#include "base/known.hpp"
#include "model/snapshot.hpp"
#include "target/memory.hpp"

namespace importlock {

/// How locks are built: on a sem_t, or on a mutex with a condition (Python/thread_pthread.h); or as
/// a PyMutex, a byte whose waiters stand in the parking lot (Python/lock.c, since 3.13).
enum class LockKind { semaphore, mutex_and_condition, py_mutex };

/// How the lock at `address`, which may be null, is built in a program that calls both kinds of
/// functions: by the size that glibc's malloc keeps before it. A semaphore where that tells
/// nothing.
LockKind allocated_lock_kind(Memory& memory, Address address, Architecture architecture);

/// The functions of the C library by which a program tells how its locks are built.
inline constexpr std::array<std::string_view, 2> lock_functions{"sem_wait", "pthread_cond_wait"};

/// How the locks of a program are built: by those of lock_functions among what it has `imported`,
/// or else by the first lock that there is in the `variables`, which are pointers to one.
LockKind lock_kind_of(Memory& memory, const std::unordered_set<std::string_view>& imported,
                      Architecture architecture, std::initializer_list<Known<Address>> variables);

/// The PyThread_type_lock at `address`, which may be null. `locked` is missing where its memory
/// cannot be read.
LockFacts lock_facts(Memory& memory, Address address, LockKind kind, Architecture architecture);

/// Whether the memory at `address` can be such a lock. Throws FaultError.
bool looks_like_lock(Memory& memory, Address address, LockKind kind, Architecture architecture);

}  // namespace importlock
