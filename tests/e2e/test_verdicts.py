"""The gdb command on real hung processes and on their cores."""

import json

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
        "kind": "join", "what": "Thread-1", "lwp": waiter, "pid": None,
        "because": "Thread.join", "seconds_left": None}
    assert by_lwp[waiter]["waits_for"] == {
        "kind": "import-lock", "what": "import lock", "lwp": owner, "pid": None,
        "because": "os.fork", "seconds_left": None}
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
STATUS = ("-ex", 'printf "status %d\\n", $_py_importlock_status')


def refused(message, *arguments, command="py-importlock", **options):
    """Runs the command and one of ours after it: gdb is alive, and the status is 2."""
    result = harness.run_gdb(*arguments, "-ex", command, *STATUS, **options)
    lines = [line for line in result.stderr.splitlines() if line.startswith("py-importlock: ")]
    assert len(lines) == 1 and message in lines[0], result.stderr
    assert "Traceback" not in result.stderr and "Python Exception" not in result.stderr
    assert result.stdout.splitlines().count("status 2") == 1
    return lines[0]


def test_c_code_that_joins_a_thread_with_the_gil_held(hang):
    process = hang("native_join_in_import", "shared")
    report = report_of(harness.run_gdb("-p", str(process.pid), *COMMAND))
    verdict = report["verdict"]
    assert (verdict["kind"], verdict["certain"]) == ("deadlock", True)
    assert verdict["cycle"] == process.lwps and "GIL" in verdict["advice"]
    owner, native = report["threads"]
    assert owner["waits_for"]["because"] == "pthread_join"
    assert (native["waits_for"]["kind"], native["waits_for"]["lwp"]) == ("gil", owner["lwp"])
