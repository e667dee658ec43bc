"""Says which modules start a thread or a process while they are imported. For Python 2.7.

usage: python2.7 check_imports.py MODULE...

Each module is imported, and stopped where it does so. The status is 1 where one did.
"""
import imp
import os
import sys
import thread
import threading
import traceback


class Impure(BaseException):  # not an Exception, which modules catch
    pass


def forbid_in_imports(holder, name, what):
    original = getattr(holder, name)

    def checked(*args, **kwargs):
        if imp.lock_held():
            bodies = [frame for frame in traceback.extract_stack() if frame[2] == "<module>"]
            raise Impure("%s:%d starts %s" % (bodies[-1][0], bodies[-1][1], what))
        return original(*args, **kwargs)

    setattr(holder, name, checked)


def main():
    forbid_in_imports(threading.Thread, "start", "a thread")
    forbid_in_imports(thread, "start_new_thread", "a thread")
    forbid_in_imports(os, "fork", "a process")
    sys.path.insert(0, os.getcwd())
    status = 0
    for name in sys.argv[1:]:
        try:
            __import__(name)
            print "%s: pure" % name
        except Impure as found:
            status = 1
            print "%s: %s" % (name, found)
    return status


if __name__ == "__main__":
    sys.exit(main())
