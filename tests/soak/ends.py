"""Imports in threads for as many seconds as it is told, and ends as any program does."""
import sys
import threading
import time

import busy

busy.module("leaf", "import string", "value = [n * n for n in range(200)]")
end = time.time() + float(sys.argv[1])


def work():
    while time.time() < end:
        busy.again("leaf")


others = [threading.Thread(target=work) for _ in range(3)]
for other in others:
    other.start()
print "round"
sys.stdout.flush()
for other in others:
    other.join()
