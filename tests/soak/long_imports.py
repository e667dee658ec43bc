"""Long imports, of each kind a module's body can be long by, with others that wait for them."""
import busy

THREADS = 6
BODIES = {
    "sleeps": ("import time", "time.sleep(0.01)"),
    "computes": ("value = sum(xrange(300000))",),
    "joins": (
        "import threading", "def run(): sum(xrange(50000))",
        "other = threading.Thread(target=run)", "other.start()", "other.join()"),
    "waits": (
        "import threading", "event = threading.Event()",
        "def run():", "    sum(xrange(50000))", "    event.set()",
        "other = threading.Thread(target=run)", "other.start()", "event.wait()", "other.join(1)"),
    "queues": (
        "import Queue, threading", "queue = Queue.Queue(1)",
        "def run():", "    for n in range(20): queue.put(n)",
        "other = threading.Thread(target=run)", "other.start()",
        "for n in range(20): queue.get()", "other.join()"),
    "runs": ("import subprocess", "subprocess.call(['true'])"),
}
NAMES = sorted(BODIES)

# Of its own for each thread, since one that is taken out of sys.modules is cleared.
for name, lines in BODIES.items():
    for number in range(THREADS):
        busy.module("%s_%d" % (name, number), *lines)


def work(number, done):
    busy.again("%s_%d" % (NAMES[(number + done) % len(NAMES)], number))


busy.for_ever(work, THREADS)
