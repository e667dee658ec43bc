"""The stand-alone command on real processes and cores, beside the gdb command."""

import json
import os
import pathlib
import pty
import re
import shutil
import signal
import subprocess
import termios
import time

import pytest

import harness

COMMAND = pathlib.Path(os.environ.get(
    "PY_IMPORTLOCK", harness.REPOSITORY / "build" / "release" / "bin" / "py-importlock"))
STATIC = harness.REPOSITORY / "build" / "static" / "bin" / "py-importlock"
WITHOUT_COLUMNS = {key: value for key, value in os.environ.items() if key != "COLUMNS"}
DEBUG = tuple("--debug-dir=%s" % place for place in harness.DEBUG_DIRECTORIES)


def look(*arguments, command=COMMAND, timeout=60, **options):
    if not pathlib.Path(command).exists():
        harness.missing("%s is not built" % command)
    return subprocess.run([str(command), *map(str, arguments)], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=timeout, **options)


def report_of(*arguments, **options):
    result = look("--json", *DEBUG, *arguments, **options)
    assert not result.stderr, result.stderr
    return json.loads(result.stdout)


def gdb_report_of(*arguments, options="-json"):
    result = harness.run_gdb(*arguments, "-ex", "source %s" % harness.PLUGIN,
                             "-ex", "py-importlock %s" % options)
    return json.JSONDecoder().raw_decode(result.stdout[result.stdout.index('{\n  "schema"'):])[0]


def alike(report):
    """What both doors must tell alike: gdb alone numbers threads."""
    threads = [{**thread, "gdb_thread": None} for thread in report["threads"]]
    return {**report, "target": None, "threads": threads}


@pytest.mark.parametrize("fixture", [
    "popen_in_import", "three_parties", "gil_held_in_import", "server_in_import", "popen_corrected",
    "fork_in_c"])
def test_both_doors_tell_the_same(hang, interpreter, fixture, tmp_path):
    process = hang(fixture, interpreter)
    before = harness.process_state(process.pid)
    mine = report_of(process.pid)
    assert harness.process_state(process.pid) == before
    theirs = gdb_report_of("-p", str(process.pid))
    assert alike(mine) == alike(theirs)
    assert mine["target"] == theirs["target"]

    core = harness.gcore(process.pid, tmp_path / "core")
    assert alike(report_of(core)) == alike(gdb_report_of("-c", str(core)))
    assert report_of(core)["verdict"] == mine["verdict"] or fixture == "server_in_import"


def test_both_doors_tell_the_same_of_locals(hang, interpreter):
    process = hang("rich_locals", interpreter)
    mine = report_of("--locals", process.pid)
    assert any(frame["locals"] for thread in mine["threads"] for frame in thread["frames"])
    assert alike(mine) == alike(gdb_report_of("-p", str(process.pid), options="-json -locals"))


def test_a_kernel_core(hang, interpreter, tmp_path):
    process = hang("popen_in_import", interpreter)
    live = report_of(process.pid)
    core = report_of(harness.kernel_core(process, tmp_path / "core"))
    assert core["target"] == {**live["target"], "kind": "core", "core": str(tmp_path / "core")}
    assert alike(core) == alike(live)


@pytest.mark.parametrize("fixture, status", [
    ("popen_in_import", 1), ("fifo_in_import", 1), ("popen_corrected", 0), ("long_import", 0)])
def test_status(hang, fixture, status):
    process = hang(fixture, "shared")
    result = look("--quiet", process.pid)
    assert (result.returncode, result.stderr) == (status, "")
    assert result.stdout.startswith("%d: " % process.pid) and result.stdout.count("\n") == 1


def test_it_neither_traces_nor_signals(hang, tmp_path):
    if not shutil.which("strace"):
        harness.missing("no strace: apt-get install strace")
    process = hang("popen_in_import", "shared")
    log = tmp_path / "log"
    subprocess.run(["strace", "-f", "-o", str(log), str(COMMAND), str(process.pid)],
                   stdout=subprocess.DEVNULL, timeout=60)
    calls = {match.group(1) for match in re.finditer(r"^\d+\s+(\w+)\(", log.read_text(), re.M)}
    assert "process_vm_readv" in calls
    assert not calls & {"ptrace", "kill", "tkill", "tgkill", "rt_sigqueueinfo", "pidfd_send_signal",
                        "process_vm_writev", "socket", "connect"}
    # Nothing but its own output is written: no file is opened for writing.
    assert not re.search(r"open(at)?\(.*O_(WRONLY|RDWR|CREAT)", log.read_text())


def refused(message, *arguments, **options):
    result = look(*arguments, **options)
    assert result.returncode == 2 and result.stdout == ""
    assert result.stderr.startswith("py-importlock: ") and result.stderr.count("\n") == 1
    assert message in result.stderr, result.stderr


def test_randomised_hashes(tmp_path):
    """Names in dictionaries are then found by their text."""
    with harness.started("popen_in_import", "shared", tmp_path / "run",
                         environment={"PYTHONHASHSEED": "77"}) as process:
        report = report_of(str(process.pid))
    assert report["verdict"]["kind"] == "deadlock" and report["verdict"]["certain"]
    assert report["problems"] == []
    assert [thread["name"] for thread in report["threads"]] == ["MainThread", "Thread-1"]


def test_bad_usage(tmp_path):
    refused("--help")
    refused("--no-such-option", "--no-such-option")
    refused("", "--json", "--dot", "1")
    refused("", "--frames", "many", "1")
    refused("", "--width", "-1", "1")
    refused("", "--watch", "0", "1")
    refused("No such", tmp_path / "core")


@pytest.mark.parametrize("start, unpack", [
    (b"\x28\xb5\x2f\xfd", "zstd -d"), (b"\x04\x22\x4d\x18", "lz4 -d"), (b"\xfd7zXZ\0", "xz -dk"),
    (b"\x1f\x8b", "gunzip -k"), (b"BZh", "bunzip2 -k")])
def test_a_compressed_core_tells_how_to_unpack_it(tmp_path, start, unpack):
    core = tmp_path / "core.zst"
    core.write_bytes(start + bytes(100))
    refused(f"{core} is not an ELF file, but compressed; unpack it first: {unpack} FILE, or of "
            "systemd-coredump: coredumpctl dump PID -o core", core)
    core.write_bytes(start[:1])
    refused("is not an ELF file\n", core)


def test_no_such_process():
    child = subprocess.Popen(["true"])
    child.wait()
    refused("no process", child.pid)


def test_a_zombie():
    child = subprocess.Popen(["true"])
    deadline = time.monotonic() + 30
    while not harness.ended(child.pid):
        assert time.monotonic() < deadline
    refused("ended", child.pid)
    child.wait()


def test_a_thread_of_the_kernel():
    if "kthreadd" not in pathlib.Path("/proc/2/comm").read_text():
        pytest.skip("no kernel thread is seen from this pid namespace")
    refused("kernel", 2)


def test_no_python():
    child = subprocess.Popen(["sleep", "60"])
    try:
        refused("no CPython in the target", child.pid)
    finally:
        child.kill()
        child.wait()


def test_without_permission(hang):
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        harness.missing("only root with setpriv can become another user")
    process = hang("popen_in_import", "shared")
    reachable = shutil.copy(COMMAND, "/tmp/py-importlock-%d" % os.getpid())
    try:
        os.chmod(reachable, 0o755)
        result = subprocess.run(
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", reachable,
             str(process.pid)], capture_output=True, text=True, timeout=60)
    finally:
        os.unlink(reachable)
    assert result.returncode == 2 and result.stderr.count("\n") == 1
    assert "user" in result.stderr or "CAP_SYS_PTRACE" in result.stderr, result.stderr


def test_every_file_gets_its_line(hang, tmp_path):
    process = hang("popen_in_import", "shared")
    good = harness.gcore(process.pid, tmp_path / "good")
    data = good.read_bytes()
    cut = tmp_path / "cut"
    cut.write_bytes(data[: len(data) // 2])
    stump = tmp_path / "stump"
    stump.write_bytes(data[:100])
    text = tmp_path / "text"
    text.write_text("no core\n")
    empty = tmp_path / "empty"
    empty.touch()
    targets = [good, cut, stump, text, empty, tmp_path, tmp_path / "missing", COMMAND, "/dev/null"]
    result = look("--quiet", *targets)
    lines = result.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == [str(target) for target in targets]
    assert result.returncode == 2
    assert ": DEADLOCK: " in lines[0]
    for line in lines[2:]:
        assert ": not read: " in line
    objects = [json.loads(line) for line in look("--json", *targets).stdout.splitlines()]
    assert len(objects) == len(targets)
    assert objects[0]["verdict"]["kind"] == "deadlock"
    summary = look(*targets).stdout
    assert summary.rindex("TARGET") > summary.rindex("DEADLOCK: ")


def test_all(hang):
    processes = [hang("popen_in_import", "shared"), hang("popen_corrected", "bullseye")]
    result = look("--all", "--quiet")
    for process, verdict in zip(processes, ("DEADLOCK", "FREE")):
        assert re.search(r"^%d: %s: " % (process.pid, verdict), result.stdout, re.M)


def test_watch_tells_when_the_process_ends(hang):
    process = hang("popen_in_import", "shared")
    watcher = subprocess.Popen([str(COMMAND), "--watch", "0.05", "--quiet", str(process.pid)],
                               stdout=subprocess.PIPE, text=True)
    seen = [watcher.stdout.readline() for _ in range(3)]
    assert "DEADLOCK" in seen[0] and "has not moved" in seen[2]
    os.kill(process.pid, signal.SIGKILL)
    rest, _ = watcher.communicate(timeout=60)
    assert watcher.returncode == 2 and "not read" in rest + "not read"


def on_terminal(*arguments, columns=80, **environment):
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, columns))
    child = subprocess.Popen([str(COMMAND), *map(str, arguments)], stdin=subprocess.DEVNULL,
                             stdout=slave, stderr=slave,
                             env={**WITHOUT_COLUMNS, "TERM": "xterm", **environment})
    os.close(slave)
    text = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:
            break
        if not part:
            break
        text += part
    os.close(master)
    child.wait()
    return text.decode()


def test_colour_on_a_terminal_only(hang):
    process = hang("popen_in_import", "shared")
    assert "\033[1;31mDEADLOCK" in on_terminal(process.pid)
    assert "\033" not in on_terminal(process.pid, NO_COLOR="1")
    assert "\033" not in on_terminal(process.pid, TERM="dumb")
    assert "\033" not in look(process.pid).stdout


def test_width(hang):
    process = hang("popen_in_import", "shared")

    def fits(text, width):
        lines = text.replace("\r", "").splitlines()
        # A word is never broken, however long.
        return (all(len(line) <= width or " " not in line.strip() for line in lines)
                and max(map(len, lines)) > width - 20)

    for columns in (40, 80, 132):
        assert fits(on_terminal(process.pid, columns=columns, NO_COLOR="1"), columns)
    assert fits(on_terminal(process.pid, columns=20, NO_COLOR="1"), 40)
    assert fits(on_terminal(process.pid, columns=0, NO_COLOR="1"), 80)
    assert fits(on_terminal(process.pid, columns=132, NO_COLOR="1", COLUMNS="100"), 100)
    assert fits(on_terminal(process.pid, columns=132, NO_COLOR="1", COLUMNS="wide"), 132)
    # A pipe has no width.
    assert fits(look(process.pid, env={**os.environ, "COLUMNS": "132"}).stdout, 80)
    assert fits(look("--width", 100, process.pid).stdout, 100)
    assert "..." not in look("--width", 0, process.pid).stdout


def test_help_fits_a_screen():
    for option in ("--help", "--version"):
        result = look(option)
        assert result.returncode == 0 and result.stderr == ""
        lines = result.stdout.splitlines()
        assert len(lines) <= 40 and max(map(len, lines)) <= 80
    assert "Examples" in look("--help").stdout


def test_the_static_command_in_an_empty_root(hang, tmp_path):
    if os.geteuid() != 0 or not shutil.which("unshare"):
        harness.missing("only root can change the root directory")
    if not STATIC.exists():
        harness.missing("the preset static is not built")
    process = hang("popen_in_import", "shared")
    core = harness.gcore(process.pid, tmp_path / "core.file")
    root = tmp_path / "root"
    (root / "proc").mkdir(parents=True)
    shutil.copy(STATIC, root / "py-importlock")
    os.link(core, root / "core")
    script = ("mount --bind /proc %s/proc && exec chroot %s /py-importlock --quiet %d /core"
              % (root, root, process.pid))
    result = subprocess.run(["unshare", "--mount", "sh", "-c", script], capture_output=True,
                            text=True, timeout=60)
    live, dead = result.stdout.splitlines()
    assert live.startswith("%d: DEADLOCK: " % process.pid), result.stdout + result.stderr
    # The core's interpreter is not in the empty root: which file is needed is said.
    assert dead.startswith("/core: not read: ") and "python2.7" in dead
