#!/usr/bin/python3
"""Measures py-importlock beside other tools, on real hangs, all in one run.

usage: bench.py [--runs N] [--small] [--write docs/performance.md]

Each figure is the median over whole processes, by turns: wall and CPU time over N of them (what is
added in gdb: of the differences of each turn), and over some more the peak memory and the time for
which the target stood still (its threads stopped by a tracer). The ratio is to the stand-alone
command on the same target. Nothing here passes or fails.
"""
from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import harness  # noqa: E402

BUILD = harness.REPOSITORY / "build"
COMMAND = next(
    (path for path in (BUILD / "static/bin/py-importlock", BUILD / "release/bin/py-importlock")
     if path.exists()), None)
AUTO_LOAD = "usr/share/gdb/auto-load"
# The austin of the system, if it is new enough, or what austin.sh has unpacked.
AUSTIN = shutil.which("austin") or str(BUILD / "austin-trixie/austin")


@dataclasses.dataclass(frozen=True)
class Cost:
    walls: tuple[float, ...]  # seconds, of each turn
    wall: float  # seconds
    cpu: float  # seconds
    memory: float  # MiB
    stopped: float  # seconds


def is_stopped(pid: int) -> bool:
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state in "tT"


def timed(command: list[str]) -> tuple[float, float]:
    """Wall and CPU time of one run, with nothing between it and this process."""
    program = shutil.which(command[0])
    silent = [(os.POSIX_SPAWN_OPEN, descriptor, os.devnull, os.O_RDWR, 0)
              for descriptor in (0, 1, 2)]
    start = time.perf_counter()
    child = os.posix_spawn(program, command, os.environ, file_actions=silent)
    _, _, usage = os.wait4(child, 0)
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime


def watched(command: list[str], target: int | None) -> tuple[float, float]:
    """Peak memory of one run, and for how long it stopped a live target, looked at every
    millisecond, which takes a CPU of its own."""
    stopped = 0.0
    done = threading.Event()

    def sample() -> None:
        nonlocal stopped
        last = time.perf_counter()
        while not done.wait(0.001):
            now = time.perf_counter()
            if is_stopped(target):
                stopped += now - last
            last = now

    sampler = threading.Thread(target=sample) if target else None
    if sampler:
        sampler.start()
    with tempfile.NamedTemporaryFile("r") as peak:
        # A process begins with the peak memory of whoever started it, so a small one starts it.
        subprocess.run(["/usr/bin/time", "-q", "-f", "%M", "-o", peak.name, *command],
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, check=False)
        memory = int(peak.read()) / 1024
    if sampler:
        done.set()
        sampler.join()
    return memory, stopped


def measure(commands: dict[str, list[str]], target: int | None, runs: int) -> dict[str, Cost]:
    """By turns, so that what else the machine does meets all of them alike. The first turn only says
    what is slow, and warms the caches for the others."""
    times = {name: [timed(command)] for name, command in commands.items()}
    # What takes minutes is measured once.
    slow = {name for name, [first] in times.items() if first[0] > 20}
    for _ in range(runs):
        for name in [name for name in commands if name not in slow]:
            times[name].append(timed(commands[name]))
    costs = {}
    for name, command in commands.items():
        watches = [watched(command, target) for _ in range(1 if name in slow else min(runs, 5))]
        walls, cpu = zip(*(times[name][1:] or times[name]))
        costs[name] = Cost(walls, *map(statistics.median, (walls, cpu, *zip(*watches))))
    return costs


def added(cost: Cost, alone: Cost) -> float:
    """The median of the differences of each turn, from which what the machine does drops out."""
    return statistics.median(wall - without for wall, without in zip(cost.walls, alone.walls))


def gdb(*arguments: str) -> list[str]:
    directories = os.pathsep.join(map(str, harness.DEBUG_DIRECTORIES))
    return [harness.GDB, "-q", "-nx", "-batch", "-iex",
            f"set debug-file-directory {directories}", *arguments]


def libpython(executable: pathlib.Path) -> pathlib.Path | None:
    """CPython's own py-bt, as it is installed beside the interpreter or for gdb to load by itself."""
    name = f"{executable.name}-gdb.py"
    places = (executable.with_name(name), harness.BULLSEYE / "root" / AUTO_LOAD / "usr/bin" / name,
              pathlib.Path("/") / AUTO_LOAD / "usr/bin" / name)
    return next((place for place in places if place.exists()), None)


def tools(process: harness.Process, core: pathlib.Path | None) -> dict[str, list[str]]:
    live = core is None
    target = str(process.pid) if live else str(core)
    # py-bt needs the executable's symbols; ours finds the file by the core.
    attach = ["-p", target] if live else [str(process.executable), target]
    found = {
        "py-importlock": [str(COMMAND), target],
        "gdb, nothing more": gdb(*attach),
        "gdb, py-importlock": gdb(*attach, "-ex", f"source {harness.PLUGIN}",
                                  "-ex", "py-importlock"),
    }
    if theirs := libpython(process.executable):
        found["gdb, py-bt"] = gdb(*attach, "-ex", f"source {theirs}",
                                  "-ex", "thread apply all py-bt")
    others = {
        "py-spy": ["py-spy", "dump", "--pid", target] if live else None,
        "pystack": ["pystack", "remote" if live else "core", target],
        "austin": [AUSTIN, "-w", target] if live else None,
        "pyflame": ["pyflame", "--threads", "-s", "0", "-p", target] if live else None,
    }
    if shutil.which(AUSTIN) and "--where" not in subprocess.run(
            [AUSTIN, "--help"], capture_output=True, text=True).stdout:
        others["austin"] = None  # before 3.0 it only samples until it is stopped
    found.update({name: command for name, command in others.items()
                  if command and shutil.which(command[0])})
    return found


HEADER = ("| tool | wall ms | CPU ms | peak MiB | target stopped ms | wall, times ours | "
          "memory, times ours |\n|---|---:|---:|---:|---:|---:|---:|\n")


def table(title: str, process: harness.Process, core: pathlib.Path | None,
          runs: int) -> tuple[str, dict[str, Cost]]:
    live = core is None
    costs = measure(tools(process, core), process.pid if live else None, runs)
    ours = costs["py-importlock"]
    text = f"## {title}\n\n" + HEADER
    for name, cost in costs.items():
        text += (f"| {name} | {cost.wall * 1e3:.1f} | {cost.cpu * 1e3:.1f} | {cost.memory:.1f} | "
                 f"{cost.stopped * 1e3 if live else 0:.0f} | {cost.wall / ours.wall:.1f} | "
                 f"{cost.memory / ours.memory:.1f} |\n")
    if "gdb, py-bt" in costs:
        alone = costs["gdb, nothing more"]
        in_gdb = added(costs["gdb, py-importlock"], alone)
        theirs = added(costs["gdb, py-bt"], alone)
        text += (f"\nIn gdb, py-importlock adds {in_gdb * 1e3:.1f} ms to a gdb that only attaches, "
                 f"py-bt {theirs * 1e3:.1f} ms: {theirs / max(in_gdb, 1e-4):.1f} times as much.\n")
    print(text, flush=True)
    return text + "\n", costs


@contextlib.contextmanager
def hang(name: str, folder: pathlib.Path, **environment: int):
    variables = {f"IMPORTLOCK_{key.upper()}": str(value) for key, value in environment.items()}
    interpreter = "python3-shared" if name.startswith("python3/") else "shared"
    with harness.started(name, interpreter, folder / "run", environment=variables) as process:
        yield process


def cost_of(process: harness.Process, runs: int) -> Cost:
    return measure({"": [str(COMMAND), str(process.pid)]}, process.pid, runs)[""]


def growth(title: str, unit: str, rows: list[tuple[str, float, Cost]]) -> str:
    text = f"## {title}\n\n| {unit} | wall ms | peak MiB | wall, times the first |\n|---:|---:|---:|---:|\n"
    for name, _, cost in rows:
        text += (f"| {name} | {cost.wall * 1e3:.1f} | {cost.memory:.1f} | "
                 f"{cost.wall / rows[0][2].wall:.2f} |\n")
    print(text, flush=True)
    return text + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=31)
    parser.add_argument("--small", action="store_true", help="tiny sizes, to see that it runs")
    parser.add_argument("--write", type=pathlib.Path, metavar="FILE")
    options = parser.parse_args()
    if not os.path.exists("/usr/bin/time"):
        sys.exit("bench.py: no /usr/bin/time: apt-get install time")
    if COMMAND is None:
        sys.exit("bench.py: build first: cmake --preset static && cmake --build --preset static")
    threads, depth, megabytes = (10, 5, 64) if options.small else (1000, 50, 4096)
    runs = 1 if options.small else options.runs
    text = ""
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        with hang("popen_in_import", folder) as process:
            text += table("The original hang", process, None, runs)[0]
        with hang("many_threads", folder, threads=threads, depth=depth) as process:
            text += table(f"{threads} threads of {depth} frames", process, None, runs)[0]
        version = harness.output(harness.python("python3-shared"), "-V", timeout=30)
        with hang("python3/import_in_thread", folder) as process:
            text += table(f"The hang of {version}", process, None, runs)[0]
        with hang("python3/many_threads", folder, threads=threads, depth=depth) as process:
            text += table(f"{threads} threads of {depth} frames, {version}", process, None, runs)[0]
        rows = []
        for size in (10, megabytes):
            with hang("big_process", folder, megabytes=size) as process:
                core = harness.kernel_core(process, folder / f"core.{size}")
            shown, costs = table(f"A core of a process with {size} MiB", process, core, runs)
            text += shown
            rows.append((f"{size} MiB", size, costs["py-importlock"]))
            core.unlink()
        text += growth("Growth with the size of a core", "mapped", rows)
        rows = []
        for number in (threads // 10, threads // 2, threads):
            with hang("many_threads", folder, threads=number, depth=5) as process:
                cost = cost_of(process, runs)
                rows.append((str(number), number, cost))
        text += growth("Growth with threads of 5 frames", "threads", rows)
        rows = []
        for calls in (depth // 5, depth, depth * 10):
            with hang("many_threads", folder, threads=threads // 10, depth=calls) as process:
                cost = cost_of(process, runs)
                rows.append((str(calls), calls, cost))
        text += growth(f"Growth with frames, {threads // 10} threads", "frames", rows)
    if options.write:
        options.write.write_text(
            "# Performance\n\nWritten by `tests/bench/bench.py --write`; all figures are of one run "
            f"on one machine ({os.cpu_count()} cores, Python 2.7.18), "
            f"medians of up to {runs} whole processes.\n\n" + text.rstrip() + "\n")


if __name__ == "__main__":
    main()
