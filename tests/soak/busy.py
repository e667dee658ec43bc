"""What the programs of the soak test share: modules of their own, and a count of rounds."""
import os
import sys
import threading

MODULES = os.path.join(os.environ["IMPORTLOCK_DIR"], "modules")


def module(name, *lines):
    """Writes a module that can be imported by name."""
    if not os.path.isdir(MODULES):
        os.mkdir(MODULES)
    if MODULES not in sys.path:
        sys.path.insert(0, MODULES)
    with open(os.path.join(MODULES, name + ".py"), "w") as out:
        out.write("\n".join(lines) + "\n")


def again(name):
    """Imports as if for the first time; another thread may do the same."""
    sys.modules.pop(name, None)
    try:
        __import__(name)
    except (AttributeError, ImportError, KeyError, TypeError):
        pass  # another thread took it out of sys.modules, so its names went while it ran


def for_ever(work, threads):
    """Runs work(number, round) in so many threads, and writes a line for each round of the first.

    A round that the first thread has written is proof that the program is not hung.
    """
    sys.dont_write_bytecode = True

    def run(number):
        done = 0
        while True:
            work(number, done)
            done += 1
            if number == 0:
                os.write(1, "round\n")

    for number in range(1, threads):
        other = threading.Thread(target=run, args=(number,))
        other.daemon = True
        other.start()
    run(0)
