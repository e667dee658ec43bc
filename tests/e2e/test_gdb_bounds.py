"""The gdb command on a crowd of threads, and many times in a row."""
from __future__ import annotations

import os
import pathlib
import subprocess
import time

import pytest

import harness
from test_interactive import STATUS, terminal  # noqa: F401

THREADS = 10_000
GROWTH = 4 << 10  # KiB; see below

# Half of them import, and half wait for an Event that nobody sets.
CROWD = f"""
import os, sys, threading
def imports():
    arrived.release()
    import decimal
def waits():
    arrived.release()
    never.wait()
def main():
    threading.stack_size(1 << 16)
    for number in range({THREADS}):
        thread = threading.Thread(target=waits if number % 2 else imports)
        thread.daemon = True
        thread.start()
    for number in range({THREADS}):
        arrived.acquire()
    os.write(os.open(sys.argv[1], os.O_WRONLY), "ready")
    never.wait()
arrived, never = threading.Semaphore(0), threading.Event()
sys.modules["__main__"].main = main
import videoin
"""


@pytest.fixture
def crowd(tmp_path):
    (tmp_path / "crowd.py").write_text(CROWD)
    (tmp_path / "videoin.py").write_text("import __main__\n__main__.main()\n")
    os.mkfifo(tmp_path / "ready")
    ready = os.open(tmp_path / "ready", os.O_RDONLY | os.O_NONBLOCK)
    process = subprocess.Popen(
        [harness.python("shared"), "-B", "crowd.py", "ready"], cwd=tmp_path,
        stdin=subprocess.DEVNULL, stderr=(tmp_path / "errors").open("w"))
    try:
        harness.wait_until(lambda: harness.read_ready(ready, process), seconds=300)
        harness.wait_until(lambda: harness.all_in_futex(process.pid), seconds=300)
        yield process
    finally:
        process.kill()
        process.wait()
        os.close(ready)


def test_ten_thousand_threads_on_one_screen(crowd):
    began = time.monotonic()
    ran = harness.run_gdb("-p", str(crowd.pid), "-ex", f"source {harness.PLUGIN}",
                          "-ex", "echo <<<\\n", "-ex", "py-importlock", "-ex", "echo >>>\\n",
                          "-ex", STATUS, timeout=600)
    assert "Traceback" not in ran.stderr, ran.stderr
    shown = ran.stdout[ran.stdout.index("<<<\n") + 4:ran.stdout.index(">>>\n")]
    assert shown.startswith("DEADLOCK: ") and "<1>" in ran.stdout
    # Those that are alike are shown once, however many.
    assert len(shown.splitlines()) < 100, shown
    assert str(THREADS // 2 - 1) in shown.replace(",", "")
    print(f"{time.monotonic() - began:.1f} s, with gdb's own attach")


def resident(pid: int) -> int:
    """In KiB."""
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def test_a_thousand_times_in_a_row(hang, terminal):  # noqa: F811
    """gdb and its allocator settle in the first runs. The bound is 5 KiB for each run after them:
    less than the snapshot of this hang, or its report as JSON, so that neither is kept."""
    process = hang("three_parties", "shared")
    gdb = terminal("-p", str(process.pid))
    gdb.run("set height 0")

    def run(times: int) -> int:
        gdb.run(f"python for _ in range({times}): gdb.execute('py-importlock', to_string=True)")
        assert gdb.run(STATUS) == "<1>\n"
        return resident(gdb.child.pid)

    settled = run(200)
    gdb.child.timeout = 300
    grown = run(800) - settled
    print(f"{grown} KiB more after 1000 runs than after 200")
    assert grown < GROWTH
