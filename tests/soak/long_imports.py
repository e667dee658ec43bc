"""Long imports, of each kind a module's body can be long by, with others that wait for them."""
import busy

busy.module("sleeps", "import time", "time.sleep(0.01)")
busy.module("computes", "value = sum(xrange(300000))")
busy.module(
    "joins", "import threading", "def run(): sum(xrange(50000))",
    "other = threading.Thread(target=run)", "other.start()", "other.join()")
busy.module(
    "waits", "import threading", "event = threading.Event()",
    "def run():", "    sum(xrange(50000))", "    event.set()",
    "other = threading.Thread(target=run)", "other.start()", "event.wait()", "other.join(1)")
busy.module(
    "queues", "import Queue, threading", "queue = Queue.Queue(1)",
    "def run():", "    for n in range(20): queue.put(n)",
    "other = threading.Thread(target=run)", "other.start()",
    "for n in range(20): queue.get()", "other.join()")
busy.module(
    "runs", "import subprocess", "subprocess.call(['true'])")

NAMES = ("sleeps", "computes", "joins", "waits", "queues", "runs")


def work(number, done):
    busy.again(NAMES[(number + done) % len(NAMES)])


busy.for_ever(work, 6)
