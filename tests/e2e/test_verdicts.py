"""The gdb command on real hung processes and on their cores."""

import json
import subprocess

import pytest

import harness

COMMAND = ("-ex", "source %s" % harness.PLUGIN, "-ex", "py-importlock -json")


def report_of(result):
    assert "{" in result.stdout, result.stdout + result.stderr
    start = result.stdout.index('{\n  "schema"')
    return json.JSONDecoder().raw_decode(result.stdout[start:])[0]


def check_popen_deadlock(report, process):
    owner, waiter = process.lwps
    verdict = report["verdict"]
    assert verdict["kind"] == "deadlock" and verdict["certain"] is True
    assert verdict["cycle"] == [owner, waiter]
    assert any("videoin.py:17" in line for line in verdict["evidence"])
    lock = report["import_lock"]
    assert (lock["state"], lock["owner"], lock["level"]) == ("held", owner, 1)
    assert lock["waiters"] == [waiter]
    by_lwp = {thread["lwp"]: thread for thread in report["threads"]}
    assert by_lwp[owner]["name"] == "MainThread"
    assert by_lwp[owner]["importing"] == ["videoin"]
    assert by_lwp[owner]["holds"] == ["import lock"]
    assert by_lwp[owner]["waits_for"] == {
        "kind": "join", "what": "Thread-1", "lwp": waiter, "because": "Thread.join"}
    assert by_lwp[waiter]["waits_for"] == {
        "kind": "import-lock", "what": "import lock", "lwp": owner, "because": "os.fork"}
    assert by_lwp[owner]["frames"][2]["function"] == "<module>"
    assert by_lwp[owner]["frames"][2]["source"] is not None
    assert report["problems"] == []


def aside_from_target(report):
    return {key: value for key, value in report.items() if key != "target"}


def test_popen_in_import_live_and_in_cores(hang, interpreter, tmp_path):
    process = hang("popen_in_import", interpreter)
    before = harness.process_state(process.pid)
    live = report_of(harness.run_gdb("-p", str(process.pid), *COMMAND))
    check_popen_deadlock(live, process)
    attached = report_of(harness.run_gdb("attach", str(process.pid), *COMMAND))
    assert attached == live
    assert harness.process_state(process.pid) == before
    assert live["python"]["pydebug"] is (interpreter == "bullseye-dbg")

    executable = str(process.executable)
    harness.gcore(process.pid, tmp_path / "gcore")
    for arguments in ((executable, str(tmp_path / "gcore")), ("-c", str(tmp_path / "gcore"))):
        core = report_of(harness.run_gdb(*arguments, *COMMAND))
        assert core["target"]["kind"] == "core"
        assert aside_from_target(core)["verdict"] == live["verdict"]
        assert core["import_lock"] == live["import_lock"]
    lwps = process.lwps
    harness.kernel_core(process, tmp_path / "kernel")
    for arguments in ((executable, str(tmp_path / "kernel")), ("-c", str(tmp_path / "kernel"))):
        core = report_of(harness.run_gdb(*arguments, *COMMAND))
        assert core["verdict"] == live["verdict"]
        assert core["import_lock"] == live["import_lock"]
        frames = {thread["lwp"]: thread["frames"] for thread in core["threads"]}
        assert sorted(frames) == lwps
        assert frames == {thread["lwp"]: thread["frames"] for thread in live["threads"]}


@pytest.mark.parametrize("fixture, verdict, status", [
    ("popen_in_import", "deadlock", 1),
    ("import_in_thread", "deadlock", 1),
    ("popen_corrected", "free", 0),
    ("long_import", "importing", 0),
])
def test_verdict_and_status(hang, interpreter, fixture, verdict, status):
    process = hang(fixture, interpreter)
    result = harness.run_gdb("-p", str(process.pid), *COMMAND,
                             "-ex", "output $_py_importlock_status")
    report = report_of(result)
    assert report["verdict"]["kind"] == verdict
    assert "}\n%d" % status in result.stdout
    if fixture == "import_in_thread":
        waits = [thread["waits_for"]["because"] for thread in report["threads"]]
        assert any(because and because.startswith("import ") for because in waits)


def test_text_fits_80_columns(hang):
    process = hang("popen_in_import", "shared")
    result = harness.run_gdb("-p", str(process.pid), "-ex", "set width 80",
                             "-ex", "source %s" % harness.PLUGIN, "-ex", "py-importlock")
    text = result.stdout[result.stdout.index("DEADLOCK"):]
    assert max(map(len, text.splitlines())) <= 80
    assert "os.fork" in text and "videoin.py:17" in text


SOURCE = ("-ex", "source %s" % harness.PLUGIN)
STATUS = ("-ex", "printf \"status %d\\n\", $_py_importlock_status")


def refused(message, *arguments):
    """Runs the command with a command of ours after it: gdb is alive, the status is 2."""
    result = harness.run_gdb(*arguments, "-ex", "py-importlock", *STATUS)
    assert "status 2" in result.stdout
    assert "py-importlock: " in result.stderr and message in result.stderr
    assert "Traceback" not in result.stderr


@pytest.fixture
def sleeper():
    started = []

    def start(*command):
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def test_without_a_process():
    refused("no process", *SOURCE)


def test_with_a_process_that_is_not_python(sleeper):
    refused("no CPython 2.7", "-p", str(sleeper("sleep", "60").pid), *SOURCE)


def test_with_python_3(sleeper):
    program = "import sys, time; sys.stdout.write('ready\\n'); sys.stdout.flush(); time.sleep(60)"
    process = sleeper("/usr/bin/python3", "-c", program)
    assert process.stdout.readline() == b"ready\n"
    refused("CPython 3", "-p", str(process.pid), *SOURCE)


def test_after_the_target_has_exited():
    refused("no process", "/bin/true", "-ex", "run", *SOURCE)


def test_with_a_core_cut_short(hang, tmp_path):
    process = hang("popen_in_import", "shared")
    whole = tmp_path / "core"
    harness.gcore(process.pid, whole)
    short = tmp_path / "short"
    short.write_bytes(whole.read_bytes()[:20000])
    refused("", "-c", str(short), *SOURCE)


def test_unknown_option():
    result = harness.run_gdb(*SOURCE, "-ex", "py-importlock -bogus")
    assert "unknown option -bogus; see 'help py-importlock'" in result.stderr


def test_options_complete():
    result = harness.run_gdb(*SOURCE, "-ex", "complete py-importlock -j")
    assert result.stdout.splitlines()[-1] == "py-importlock -json"


def test_selected_thread_and_frame_are_restored(hang):
    process = hang("popen_in_import", "shared")
    result = harness.run_gdb("-p", str(process.pid), "-ex", "thread 2", "-ex", "frame 1", *SOURCE,
                             "-ex", "py-importlock -json", "-ex",
                             "python print('at', gdb.selected_thread().num, "
                             "gdb.selected_frame().level())")
    assert "at 2 1" in result.stdout
