"""Threads wait for each other in C code: for mutexes, a rwlock, a semaphore, a condition variable, a
barrier and a lock of CPython's C interface; beside imports, and C code that keeps the GIL."""
import ctypes
import time

import busy

THREADS = 4
WAIT_LOCK = 1
PTHREAD_PRIO_INHERIT = 1

c = ctypes.CDLL(None)  # releases the GIL, as an extension module has to
careless = ctypes.PyDLL(None)  # keeps it
busy.module("leaf", "value = [n * n for n in range(200)]")


class Variable(ctypes.Union):
    """Any of pthread.h; as big as any architecture's, and aligned as it must be."""
    _fields_ = [("bytes", ctypes.c_char * 64), ("align", ctypes.c_longlong)]


class Timespec(ctypes.Structure):
    _fields_ = [("tv_sec", ctypes.c_long), ("tv_nsec", ctypes.c_long)]


def made_by(function, *arguments):
    variable = Variable()
    assert function(ctypes.byref(variable), *arguments) == 0
    return ctypes.byref(variable)


def mutex_attributes():
    attributes = Variable()
    c.pthread_mutexattr_init(ctypes.byref(attributes))
    c.pthread_mutexattr_setprotocol(ctypes.byref(attributes), PTHREAD_PRIO_INHERIT)
    return ctypes.byref(attributes)


mutex = made_by(c.pthread_mutex_init, None)
pi_mutex = made_by(c.pthread_mutex_init, mutex_attributes())
rwlock = made_by(c.pthread_rwlock_init, None)
semaphore = made_by(c.sem_init, 0, 1)
changed = made_by(c.pthread_cond_init, None)
barrier = made_by(c.pthread_barrier_init, None, THREADS)
c.PyThread_allocate_lock.restype = ctypes.c_void_p
lock = ctypes.c_void_p(c.PyThread_allocate_lock())


def soon():
    now = time.time() + 0.002
    return ctypes.byref(Timespec(int(now), int(now % 1 * 10 ** 9)))


def work(number, done):
    c.pthread_mutex_lock(mutex)
    c.pthread_mutex_lock(pi_mutex)
    busy.again("leaf")
    c.pthread_mutex_unlock(pi_mutex)
    c.pthread_cond_broadcast(changed)
    c.pthread_cond_timedwait(changed, mutex, soon())
    c.pthread_mutex_unlock(mutex)
    (c.pthread_rwlock_rdlock if number else c.pthread_rwlock_wrlock)(rwlock)
    c.usleep(500)
    c.pthread_rwlock_unlock(rwlock)
    c.sem_wait(semaphore)
    careless.usleep(500)
    c.sem_post(semaphore)
    c.PyThread_acquire_lock(lock, WAIT_LOCK)
    busy.again("leaf")
    c.PyThread_release_lock(lock)
    c.pthread_barrier_wait(barrier)


busy.for_ever(work, THREADS)
