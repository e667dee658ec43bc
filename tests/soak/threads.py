"""Threads start, hand work to each other, hold locks in turn and end."""
import Queue
import threading
import time

import busy

lock = threading.Lock()
rlock = threading.RLock()
condition = threading.Condition()
semaphore = threading.Semaphore(2)


def short(queue):
    with semaphore:
        with lock:
            time.sleep(0)
        with rlock:
            with rlock:
                import string
                string.capwords("a b")
    with condition:
        condition.notifyAll()
    queue.put("%s" % u"\xe9".encode("latin-1"))


def work(number, done):
    queue = Queue.Queue()
    threads = [threading.Thread(target=short, args=(queue,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    with condition:
        condition.wait(0.005)
    for thread in threads:
        queue.get()
    for thread in threads:
        thread.join()


busy.for_ever(work, 3)
