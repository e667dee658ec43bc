"""Becomes another program and itself again, over and over; threads import meanwhile."""
import os
import sys
import threading
import time

import busy

busy.module("leaf", "import time", "time.sleep(0.001)")


def work():
    while True:
        busy.again("leaf")


for _ in range(3):
    other = threading.Thread(target=work)
    other.daemon = True
    other.start()
time.sleep(0.1)
os.write(1, "round\n")
os.execv("/bin/sh", ["sh", "-c", 'exec "$0" "$@"', sys.executable, "-B", os.path.abspath(__file__)])
