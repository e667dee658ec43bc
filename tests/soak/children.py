"""Forks, children that import and end, and subprocesses, beside threads that import."""
import os
import subprocess
import sys
import time

import busy

busy.module("leaf", "import time", "time.sleep(0.002)")


def work(number, done):
    if number == 0:
        child = os.fork()
        if child == 0:
            busy.again("leaf")
            time.sleep(0.02)
            os._exit(0)
        os.waitpid(child, 0)
    elif number == 1:
        subprocess.Popen([sys.executable, "-S", "-c", "import string"]).wait()
    elif number == 2:
        subprocess.check_output(["echo", "word"])
    else:
        busy.again("leaf")


busy.for_ever(work, 5)
