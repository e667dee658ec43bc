"""Where the system refuses, lacks or hides what the command needs: one line that says which, status 2,
and never a verdict on what was not seen."""
from __future__ import annotations

import contextlib
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess

import pytest

import harness
from test_cli import COMMAND, look, refused

NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all",
          "--bounding-set=-all")


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    """The deadlock, which no test here may change."""
    with harness.started("popen_in_import", "shared",
                         tmp_path_factory.mktemp("limits") / "run") as process:
        yield process


def as_root_with(*tools: str) -> None:
    if os.geteuid() != 0:
        harness.missing("only root can do that")
    for tool in tools:
        if not shutil.which(tool):
            harness.missing(f"no {tool}")


def inject(what: str, *arguments, of: str | None = None) -> subprocess.CompletedProcess[str]:
    """The command, of which a system call, on this path, fails as strace's --inject has it."""
    if not shutil.which("strace"):
        harness.missing("no strace: apt-get install strace")
    if not COMMAND.exists():
        harness.missing(f"{COMMAND} is not built")
    ran = subprocess.run(["strace", "-o", "/dev/null", *(["-P", of] if of else []),
                          "-e", f"inject={what}", COMMAND, *map(str, arguments)],
                         stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    ran.stderr = re.sub("^strace: Requested path .*\n", "", ran.stderr, flags=re.M)
    return ran


@pytest.fixture
def readable():
    """The command where another user can run it."""
    if not COMMAND.exists():
        harness.missing(f"{COMMAND} is not built")
    folder = pathlib.Path(harness.output("mktemp", "-d", "--tmpdir=/tmp", timeout=30))
    folder.chmod(0o755)
    yield shutil.copy(COMMAND, folder)
    shutil.rmtree(folder)


def one_line(ran: subprocess.CompletedProcess[str], *parts: str) -> None:
    assert (ran.returncode, ran.stdout) == (2, ""), ran
    assert ran.stderr.startswith("py-importlock: ") and ran.stderr.count("\n") == 1, ran.stderr
    assert all(part in ran.stderr for part in parts), ran.stderr


# Errors that are not "nothing there"


@pytest.mark.parametrize("when", ["1", "2"])
def test_threads_that_cannot_be_listed(process, when):
    """The folder's end is not an error's: with no thread, the lock's owner would be gone."""
    one_line(inject(f"getdents64:error=ENOMEM:when={when}", process.pid), "not enough memory")


def test_a_list_of_threads_that_is_too_short(process):
    """The folder's links tell how many there are."""
    one_line(inject("getdents64:retval=0", process.pid), "/proc lists none of its threads")


@pytest.mark.parametrize("error, said", [
    ("ENOMEM", "there is not enough memory"),
    ("EMFILE", "too many files are open in this program; raise its limit (ulimit -n)"),
    ("ENFILE", "too many files are open on this machine; raise fs.file-max"),
    ("EIO", "Input/output error"),
    ("EPERM", "no permission to read process"),
    ("ESRCH", "has ended"),
])
def test_each_error_has_its_own_words(process, error, said):
    for name in ("stat", "maps", "exe", "task"):
        one_line(inject(f"openat:error={error}", process.pid, of=f"/proc/{process.pid}/{name}"), said)
    one_line(inject(f"process_vm_readv:error={error}:when=2+", process.pid), said)


@pytest.mark.parametrize("error", ["ENOMEM", "EIO", "EFAULT", "EPERM"])
def test_memory_of_the_process_that_cannot_be_read(process, error):
    """From any read on: the same verdict, or none."""
    verdicts = set()
    for number in range(1, 12):
        ran = inject(f"process_vm_readv:error={error}:when={number}+", "--quiet", process.pid)
        verdicts.add(ran.stdout.removeprefix(f"{process.pid}: ").split(":")[0].strip())
        assert ran.returncode == (1 if "DEADLOCK" in ran.stdout else 2), ran
    assert verdicts <= {"DEADLOCK", "DEADLOCK (not certain)", "UNKNOWN", ""}, verdicts


def test_memory_that_is_not_enough(process):
    """From none on: the loader says so, or the command, and where it suffices nothing is amiss."""
    whole = look(process.pid).stdout
    seen = set()
    for kibibytes in range(4096, 16384, 48):
        limit = kibibytes << 10
        ran = look(process.pid, preexec_fn=lambda: (
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0)),
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))))
        seen.add(ran.returncode)
        if ran.returncode == 127:
            assert re.search("error while loading shared libraries|out of memory", ran.stderr)
        elif ran.returncode == 2:
            one_line(ran, "there is not enough memory")
        else:
            assert (ran.returncode, ran.stdout, ran.stderr) == (1, whole, ""), kibibytes
    assert {1, 2} <= seen


def test_descriptors_that_are_not_enough(process):
    whole = look(process.pid).stdout
    seen = set()
    for number in range(3, 12):
        ran = look(process.pid, preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_NOFILE, (number, number)))
        seen.add(ran.returncode)
        if ran.returncode == 127:
            assert "error while loading shared libraries" in ran.stderr
        elif ran.returncode == 2:
            assert "too many files are open in this program" in ran.stderr or \
                "Too many open files" in ran.stdout, ran
        else:
            assert (ran.returncode, ran.stdout, ran.stderr) == (1, whole, "")
    assert {1, 2} <= seen


# Namespaces and mounts


def test_in_another_user_namespace(process):
    as_root_with("unshare")
    one_line(look("--user", "--map-root-user", COMMAND, process.pid, command=shutil.which("unshare")),
             "it lives outside of this user namespace")


@pytest.mark.parametrize("target", ["pid", "all"])
def test_proc_of_another_pid_namespace(process, target):
    """Its ids would be those of other processes, or of none."""
    as_root_with("unshare")
    one_line(look("--pid", "--fork", COMMAND, "--all" if target == "all" else process.pid,
                  command=shutil.which("unshare")), "/proc is that of another pid namespace")


@contextlib.contextmanager
def mounted(script: str):
    """What runs a command in a mount namespace in which the script was run."""
    as_root_with("unshare", "setpriv")
    yield ("--mount", "sh", "-c", script + ' && exec "$@"', "sh")


@pytest.mark.parametrize("target", ["pid", "all"])
def test_without_proc(process, target):
    with mounted("umount --lazy /proc") as enter:
        one_line(look(*enter, COMMAND, "--all" if target == "all" else process.pid,
                      command=shutil.which("unshare")), "/proc is not mounted")


@pytest.mark.parametrize("hidepid", ["1", "2"])
def test_hidepid(process, readable, hidepid):
    with mounted(f"mount -t proc -o hidepid={hidepid} proc /proc") as enter:
        one_line(look(*enter, *NOBODY, readable, process.pid, command=shutil.which("unshare")),
                 f"process {process.pid} is hidden from this user", "hidepid", "sudo")
        one_line(look(*enter, *NOBODY, readable, "--all", command=shutil.which("unshare")), "skipped",
                 "hidepid" if hidepid == "2" else "of other users", "sudo")
        # Root sees all.
        assert look(*enter, COMMAND, process.pid, command=shutil.which("unshare")).returncode == 1
        child = subprocess.Popen(["true"])
        child.wait()
        one_line(look(*enter, *NOBODY, readable, child.pid, command=shutil.which("unshare")),
                 f"no process {child.pid}" if hidepid == "2" else "")


def test_all_as_another_user(process, readable):
    """Nothing could be looked at, which is not that all is well."""
    as_root_with("setpriv")
    ran = look(*NOBODY[1:], readable, "--all", command=shutil.which("setpriv"))
    one_line(ran, "skipped: of other users; run this with sudo")
    assert int(re.search(r"(\d+) process", ran.stderr).group(1)) > 0


def test_all_with_too_few_descriptors(process):
    ran = inject("openat:error=EMFILE", "--all", of=f"/proc/{process.pid}/maps")
    assert ran.returncode == 2 and f"\n{process.pid} " not in ran.stdout
    assert "skipped: " in ran.stderr and "too many files are open in this program" in ran.stderr


# A main thread that has ended

MODULE = """import threading
def work():
    import decimal
worker = threading.Thread(target=work, name="worker")
worker.start()
worker.join()
"""
ENTRY = """import ctypes, threading
def run():
    import videoin
threading.Thread(target=run, name="importer").start()
ctypes.CDLL(None).pthread_exit(None)
"""


@pytest.fixture
def without_main_thread(tmp_path):
    """A deadlock of two threads in a process whose main thread has ended."""
    (tmp_path / "videoin.py").write_text(MODULE)
    (tmp_path / "entry.py").write_text(ENTRY)
    child = subprocess.Popen([harness.python("shared"), "-B", "entry.py"], cwd=tmp_path,
                             stdin=subprocess.DEVNULL)
    try:
        folder = pathlib.Path(f"/proc/{child.pid}")

        def stuck():
            calls = [(task / "syscall").read_text() for task in (folder / "task").iterdir()
                     if task.name != str(child.pid)]
            return harness.ended(child.pid) and len(calls) == 2 and \
                all(call.startswith("202 ") for call in calls)

        harness.wait_until(stuck)
        yield child.pid, sorted(int(task.name) for task in (folder / "task").iterdir())[1:]
    finally:
        child.kill()
        child.wait()


def test_a_main_thread_that_has_ended(without_main_thread):
    pid, (importer, worker) = without_main_thread
    for target in (pid, importer, worker):
        ran = look("--quiet", target)
        assert (ran.returncode, ran.stderr) == (1, "")
        assert ran.stdout.startswith(f"{target}: DEADLOCK: importer (LWP {importer}) holds the import")
    assert f"\n{pid}: DEADLOCK: importer" in "\n" + look("--all", "--quiet").stdout


def test_gdb_that_has_one_thread_alone(without_main_thread, process):
    """It looked free or slow where what the others do was not seen."""
    owner, waiter = process.lwps
    for thread, leader in ((waiter, owner), (without_main_thread[1][0], without_main_thread[0])):
        ran = harness.run_gdb("-p", str(thread), "-ex", f"source {harness.PLUGIN}",
                              "-ex", "py-importlock")
        assert "py-importlock: gdb has not all threads of the process" in ran.stderr
        assert f"attach to {leader}" in ran.stderr and f"command py-importlock {leader}" in ran.stderr


# Output that goes nowhere


@pytest.mark.parametrize("arguments", [["{pid}"], ["--json", "{pid}"], ["--quiet", "{pid}", "{pid}"],
                                       ["--all"], ["--watch", "0.01", "{pid}"], ["--help"],
                                       ["--version"]])
@pytest.mark.parametrize("sink, why", [("> /dev/full", "No space left on device"),
                                       (">&-", "Bad file descriptor")])
def test_output_that_cannot_be_written(process, arguments, sink, why):
    if not COMMAND.exists():
        harness.missing(f"{COMMAND} is not built")
    words = " ".join(argument.format(pid=process.pid) for argument in arguments)
    ran = subprocess.run(["sh", "-c", f"'{COMMAND}' {words} {sink}"], capture_output=True, text=True,
                         timeout=60)
    lines = [line for line in ran.stderr.splitlines() if " skipped: " not in line]
    assert ran.returncode == 2
    assert lines == [f"py-importlock: cannot write standard output: {why}"]


def test_a_reader_that_goes_away(process):
    """It is no fault where the signal is let in, as of other commands; where it is not, it is said."""
    for ignored, status in ((False, -signal.SIGPIPE), (True, 2)):
        reading, writing = os.pipe()
        os.close(reading)
        with open(writing, "w") as pipe:
            ran = subprocess.run([COMMAND, str(process.pid)], stdout=pipe, stderr=subprocess.PIPE,
                                 text=True, timeout=60, restore_signals=not ignored)
        assert ran.returncode == status
        assert ran.stderr == ("py-importlock: cannot write standard output: Broken pipe\n"
                              if ignored else "")


@pytest.mark.parametrize("sink", ["2> /dev/full", "2>&-"])
def test_errors_that_cannot_be_written(sink):
    ran = subprocess.run(["sh", "-c", f"'{COMMAND}' 99999999 {sink}"], capture_output=True, text=True,
                         timeout=60)
    assert (ran.returncode, ran.stdout) == (2, "")
