"""The gdb command as a person meets it: at a terminal, with colour, width, pager and Ctrl-C."""
from __future__ import annotations

import os
import pathlib
import subprocess
import time

import pytest

import harness

try:
    import pexpect
except ImportError:
    pexpect = None

PAGER = "--Type <RET> for more, q to quit, c to continue without paging--"
SELECTED = "python print('at', gdb.selected_thread().num, gdb.selected_frame().level())"
STATUS = 'printf "<%d>\\n", $_py_importlock_status'

COUNT_THREADS = ("pipe py-importlock -json | "
                 "python3 -c 'import json, sys; print(len(json.load(sys.stdin)[\"threads\"]))'")


class Terminal:
    """gdb with the plug-in on a pseudo-terminal."""

    def __init__(self, folder, *arguments, rows=24, columns=80, environment=None):
        inputrc = folder / "inputrc"
        inputrc.write_text("set enable-bracketed-paste off\nset bell-style none\n")
        base = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
        directories = os.pathsep.join(map(str, harness.DEBUG_DIRECTORIES))
        self.child = pexpect.spawn(
            harness.GDB,
            ["-q", "-nx", "-iex", "set debug-file-directory %s" % directories,
             "-iex", "set pagination off", *arguments, "-ex", "source %s" % harness.PLUGIN,
             "-ex", "echo loaded\\n"],
            env={**base, "TERM": "xterm-256color", "INPUTRC": str(inputrc), **(environment or {})},
            dimensions=(rows, columns), encoding="utf-8", timeout=60)
        self.child.expect_exact("loaded\r\n")
        self.rest()

    def run(self, command):
        """The output of a command, up to the next prompt."""
        self.child.sendline(command)
        self.child.expect_exact("\r\n")  # the echo
        return self.rest()

    def rest(self):
        self.child.expect_exact("(gdb) ")
        # gdb itself resets the style now and then, where none is set.
        return self.child.before.replace("\r\n", "\n").replace("\x1b[m", "")

    def page(self, command):
        """The first page of a command that gdb's pager stops."""
        self.child.sendline(command)
        self.child.expect_exact(PAGER)
        return self.child.before


@pytest.fixture
def terminal(tmp_path):
    if pexpect is None:
        harness.missing("no pexpect: apt-get install python3-pexpect")
    opened = []

    def start(*arguments, **options):
        opened.append(Terminal(tmp_path, *arguments, **options))
        return opened[-1]

    yield start
    for terminal in opened:
        terminal.child.close(force=True)


@pytest.fixture
def hung(hang, terminal):
    """hung(...) is a terminal in which gdb is attached to the deadlock."""
    process = hang("popen_in_import", "shared")
    return lambda **options: terminal("-p", str(process.pid), **options)


def test_help_and_completion(terminal):
    gdb = terminal()
    text = gdb.run("help py-importlock")
    assert "Usage: py-importlock [-json" in text and "$_py_importlock_status" in text
    assert max(map(len, text.splitlines())) <= 80
    assert "py-importlock" in gdb.run("apropos import lock")
    gdb.child.send("py-impo\t-js\t")
    gdb.child.expect_exact("py-importlock -json ")
    gdb.child.sendline("")
    assert "no process" in gdb.rest()


def test_colour_only_where_gdb_styles_its_own(hung, tmp_path):
    gdb = hung()
    red = "\x1b[1;31mDEADLOCK\x1b[0m: "
    assert gdb.run("py-importlock").startswith(red)
    assert "\x1b" not in gdb.run("py-importlock -json")
    assert gdb.run("pipe py-importlock | head -n 1").startswith("DEADLOCK: ")
    assert gdb.run("py-importlock").startswith(red)
    gdb.run("set style enabled off")
    assert gdb.run("py-importlock").startswith("DEADLOCK: ")


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colour_where_the_user_wants_none(hung, environment):
    assert hung(environment=environment).run("py-importlock").startswith("DEADLOCK: ")


def test_width(hung):
    gdb = hung(columns=200)
    gdb.run("set style enabled off")
    for width in (40, 80, 132):
        gdb.run("set width %d" % width)
        lines = gdb.run("py-importlock").splitlines()
        longest = max(lines, key=len)
        # A word is never broken, however long.
        assert all(len(line) <= width or " " not in line.strip() for line in lines), longest
        assert len(longest) > width - 20
    gdb.run("set width 0")
    text = gdb.run("py-importlock")
    assert "..." not in text and max(map(len, text.splitlines())) > 132


def test_the_pager_can_be_left(hung):
    gdb = hung(rows=12)
    whole = gdb.run("py-importlock")
    gdb.run("set pagination on")
    assert "DEADLOCK" in gdb.page("py-importlock")
    gdb.child.sendline("q")
    assert gdb.rest() == "q\nQuit\n"
    assert gdb.run(STATUS) == "<1>\n"
    gdb.page("py-importlock")
    gdb.child.sendintr()
    assert gdb.rest().strip() == "Quit"
    assert "DEADLOCK" in gdb.page("py-importlock")
    gdb.child.sendline("")
    gdb.child.expect_exact(PAGER)
    gdb.child.sendline("c")
    assert "GIL free." in gdb.rest()
    gdb.run("set pagination off")
    assert gdb.run("py-importlock") == whole


def test_logging_and_redirection(hung, tmp_path):
    gdb = hung()
    for name, redirect in (("tee", "off"), ("redirected", "on")):
        log = tmp_path / name
        for command in ("file %s" % log, "redirect %s" % redirect, "enabled on"):
            gdb.run("set logging " + command)
        shown = gdb.run("py-importlock")
        gdb.run("set logging enabled off")
        assert ("DEADLOCK" in shown) == (redirect == "off")
        text = log.read_text()
        assert "DEADLOCK" in text and "GIL free." in text and "\x1b" not in text
    assert gdb.run(COUNT_THREADS) == "2\n"


def test_the_selection_survives(hung):
    gdb = hung()
    gdb.run("thread 2")
    gdb.run("frame 1")
    assert gdb.run(SELECTED) == "at 2 1\n"
    for command in ("py-importlock", "py-importlock -json", "py-importlock -bogus"):
        gdb.run(command)
        assert gdb.run(SELECTED) == "at 2 1\n"


def test_the_selection_survives_an_error_midway(hang, terminal):
    process = hang("popen_in_import", "shared")
    gdb = terminal("-iex", "set non-stop on", "-p", str(process.pid))
    gdb.run("thread 2")
    gdb.run("continue &")
    gdb.run("thread 1")
    gdb.run("frame 1")
    assert "py-importlock: the process is running" in gdb.run("py-importlock")
    assert gdb.run(SELECTED) == "at 1 1\n"
    assert gdb.run(STATUS) == "<2>\n"


def test_status_and_sourcing_again(hung):
    gdb = hung()
    assert gdb.run("output $_py_importlock_status") == "void"
    gdb.run("py-importlock")
    assert gdb.run(STATUS) == "<1>\n"
    gdb.run("py-importlock -bogus")
    assert gdb.run(STATUS) == "<2>\n"
    assert gdb.run("source %s" % harness.PLUGIN) == ""
    assert "DEADLOCK" in gdb.run("py-importlock")
    assert gdb.run(STATUS) == "<1>\n"


CROWD = """
import sys, threading
def wait(depth):
    if depth:
        wait(depth - 1)
    arrived.release()
    never.wait()
arrived, never = threading.Semaphore(0), threading.Event()
threading.stack_size(1 << 18)
for number in range(THREADS):
    thread = threading.Thread(target=wait, args=(20,))
    thread.daemon = True
    thread.start()
for number in range(THREADS):
    arrived.acquire()
sys.stdout.write("ready\\n")
sys.stdout.flush()
sys.stdin.read()
"""


@pytest.fixture
def crowd():
    process = subprocess.Popen(
        [harness.python("shared"), "-c", CROWD.replace("THREADS", "600")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    yield process
    process.kill()
    process.communicate()


def test_interrupt_during_the_command(crowd, terminal):
    """Ctrl-C comes as soon as the module is loaded; some hundred threads are then to be read."""
    gdb = terminal("-p", str(crowd.pid))
    gdb.run("thread 3")
    gdb.run("frame 1")
    maps = pathlib.Path("/proc/%d/maps" % gdb.child.pid)
    gdb.child.sendline("py-importlock")
    deadline = time.monotonic() + 60
    while "_py_importlock" not in maps.read_text():
        assert time.monotonic() < deadline
    gdb.child.sendintr()
    answer = gdb.rest()
    assert "Traceback" not in answer and "Error" not in answer
    assert "py-importlock: interrupted" in answer or "Quit" in answer
    assert gdb.run(SELECTED) == "at 3 1\n"
    assert gdb.run(COUNT_THREADS) == "601\n"
    assert gdb.run(SELECTED) == "at 3 1\n"
