"""Cores that claim what no program has: a report comes out that says so, in bounded time and memory."""
from __future__ import annotations

import json
import pathlib
import re
import shutil
import struct
import subprocess

import pytest

import harness
from test_cli import COMMAND, DEBUG

MIB = 1 << 20
# PyInterpreterState, PyThreadState, PyFrameObject, PyCodeObject, PyStringObject and PyDictObject of
# CPython 2.7 on 64 bits, without Py_TRACE_REFS.
INTERP_NEXT, INTERP_HEAD, INTERP_MODULES = 0, 8, 16
STATE_NEXT, STATE_INTERP, STATE_FRAME, STATE_IDENT, STATE_SIZE = 0, 8, 16, 144, 192
FRAME_BACK, FRAME_CODE, FRAME_LASTI, FRAME_BLOCKS, FRAME_BLOCKSTACK = 24, 32, 120, 128, 132
CODE_CODE, CODE_FILE, CODE_LNOTAB = 32, 80, 104
VAR_SIZE, STR_TEXT = 16, 36
DICT_MASK, DICT_TABLE = 32, 40


class Core:
    """A core of 64 bits whose memory can be changed and added to."""

    def __init__(self, path: pathlib.Path):
        self.path = path
        self.stream = open(path, "r+b")
        self.table, = self._unpack("<Q", 32)
        self.number, = self._unpack("<H", 56)
        self.segments = []  # address, offset, size
        for i in range(self.number):
            kind, _, offset, address, _, size, _, _ = self._unpack("<IIQQQQQQ", self.table + 56 * i)
            if kind == 1:
                self.segments.append((address, offset, size))

    def _unpack(self, form: str, offset: int) -> tuple:
        self.stream.seek(offset)
        return struct.unpack(form, self.stream.read(struct.calcsize(form)))

    def offset(self, address: int) -> int:
        for start, offset, size in self.segments:
            if start <= address < start + size:
                return offset + address - start
        raise LookupError(hex(address))

    def read(self, address: int, size: int) -> bytes:
        self.stream.seek(self.offset(address))
        return self.stream.read(size)

    def word(self, address: int) -> int:
        return struct.unpack("<Q", self.read(address, 8))[0]

    def put(self, address: int, *words: int) -> None:
        self.stream.seek(self.offset(address))
        self.stream.write(struct.pack(f"<{len(words)}Q", *(word % (1 << 64) for word in words)))

    def put_number(self, address: int, number: int) -> None:
        self.stream.seek(self.offset(address))
        self.stream.write(struct.pack("<i", number))

    def add(self, address: int, contents: bytes, kind: int = 1) -> None:
        """A segment more (PT_LOAD, or PT_NOTE), and the program headers at the end of the file, where there is room."""
        self.stream.seek(self.table)
        headers = self.stream.read(56 * self.number)
        offset = (self.stream.seek(0, 2) + 4095) & ~4095
        self.stream.seek(offset)
        self.stream.write(contents)
        self.segments.append((address, offset, len(contents)))
        headers += struct.pack("<IIQQQQQQ", kind, 6, offset, address, 0, len(contents),
                               len(contents), 4096)
        self.number += 1
        self.table = self.stream.tell()
        self.stream.write(headers)
        self.stream.seek(32)
        self.stream.write(struct.pack("<Q", self.table))
        self.stream.seek(56)
        self.stream.write(struct.pack("<H", self.number))


FREE = 0x100000000000  # where no process of this machine has memory


class Hang:
    """The original hang in a core, and where its parts are."""

    def __init__(self, core: Core, interp_head: int):
        self.core = core
        self.interp = core.word(interp_head)
        self.states = []
        state = core.word(self.interp + INTERP_HEAD)
        while state:
            self.states.append(state)
            state = core.word(state + STATE_NEXT)
        self.frame = core.word(self.states[0] + STATE_FRAME)
        self.code = core.word(self.frame + FRAME_CODE)
        self.modules = core.word(self.interp + INTERP_MODULES)


def states_loop(hang: Hang) -> None:
    hang.core.put(hang.states[-1] + STATE_NEXT, hang.states[0])


def million_states(hang: Hang) -> None:
    words = [0] * (STATE_SIZE // 8)
    words[STATE_INTERP // 8] = hang.interp
    size = 1_000_000
    states = bytearray()
    for i in range(size):
        words[STATE_NEXT // 8] = FREE + (i + 1) * STATE_SIZE if i + 1 < size else 0
        words[STATE_IDENT // 8] = FREE + i
        states += struct.pack(f"<{len(words)}Q", *words)
    hang.core.add(FREE, bytes(states))
    hang.core.put(hang.states[-1] + STATE_NEXT, FREE)


def many_threads(hang: Hang) -> None:
    """NT_PRSTATUS of 200,000 threads that all wait for the import lock's word."""
    status = bytearray(336)
    struct.pack_into("<2Q", status, 112 + 8 * 9, 0, 0)
    struct.pack_into("<Q", status, 112 + 8 * 15, 202)  # orig_rax: futex
    notes = bytearray()
    for i in range(200_000):
        struct.pack_into("<i", status, 32, 1_000_000 + i)
        notes += struct.pack("<3I", 5, len(status), 1) + b"CORE".ljust(8, b"\0") + status
    hang.core.add(0, bytes(notes), kind=4)


def interpreters_loop(hang: Hang) -> None:
    hang.core.put(hang.interp + INTERP_NEXT, hang.interp)


def many_interpreters(hang: Hang) -> None:
    size = 200_000
    hang.core.add(FREE, b"".join(struct.pack("<8Q", FREE + 64 * (i + 1) if i + 1 < size else 0,
                                             0, hang.modules, hang.modules, 0, 0, 0, 0)
                                 for i in range(size)))
    hang.core.put(hang.interp + INTERP_NEXT, FREE)


def frames_loop(hang: Hang) -> None:
    hang.core.put(hang.frame + FRAME_BACK, hang.frame)


def endless_frames(hang: Hang) -> None:
    size, room = 300_000, 400
    frame = bytearray(hang.core.read(hang.frame, room))
    frames = bytearray()
    for i in range(size):
        struct.pack_into("<Q", frame, FRAME_BACK, FREE + (i + 1) * room if i + 1 < size else 0)
        frames += frame
    hang.core.add(FREE, bytes(frames))
    hang.core.put(hang.frame + FRAME_BACK, FREE)


def endless_text(hang: Hang) -> None:
    hang.core.put(hang.core.word(hang.code + CODE_FILE) + VAR_SIZE, 1 << 60)


def endless_dict(hang: Hang) -> None:
    hang.core.put(hang.modules + DICT_MASK, (1 << 60) - 1)


def full_dict(hang: Hang) -> None:
    size = 1 << 22
    key = hang.core.word(hang.code + CODE_FILE)
    hang.core.add(FREE, struct.pack("<3Q", 1, key, key) * size)
    hang.core.put(hang.modules + DICT_MASK, size - 1, FREE)


def dict_of_long_keys(hang: Hang) -> None:
    """As many keys, each another text that lies in a page of its own."""
    size = 1 << 16
    text = hang.core.read(hang.core.word(hang.code + CODE_FILE), 16) + struct.pack("<Q", 250)
    keys = b"".join((text + struct.pack("<QI", 0, i) + b"k" * 250).ljust(4096) for i in range(size))
    hang.core.add(FREE, keys)
    table = FREE + (1 << 40)
    hang.core.add(table, b"".join(struct.pack("<3Q", 1, FREE + 4096 * i, hang.modules)
                                  for i in range(size)))
    hang.core.put(hang.modules + DICT_MASK, size - 1, table)


def text_at(hang: Hang, address: int, contents: bytes) -> None:
    head = hang.core.read(hang.core.word(hang.code + CODE_FILE), VAR_SIZE)
    hang.core.add(address, head + struct.pack("<QqI", len(contents), -1, 0) + contents)


def long_code(hang: Hang) -> None:
    """A `finally` block whose lock was taken at any of 150,000 places."""
    load, attribute, finally_block = 101, 106, 122  # LOAD_NAME, LOAD_ATTR, SETUP_FINALLY
    code = struct.pack("<BHBH", load, 0, attribute, 0) * 150_000
    code += struct.pack("<BH", finally_block, 100) + bytes([9]) * 100
    code += struct.pack("<BHBH", load, 0, attribute, 0)
    text_at(hang, FREE, code)
    text_at(hang, FREE + (1 << 40), b"\1\0" * (MIB // 2 - 64))
    hang.core.put(hang.code + CODE_CODE, FREE)
    hang.core.put(hang.code + CODE_LNOTAB, FREE + (1 << 40))
    hang.core.put_number(hang.frame + FRAME_LASTI, len(code) - 20)
    hang.core.put_number(hang.frame + FRAME_BLOCKS, 1)
    for i, value in enumerate((finally_block, len(code) - 6, 0)):
        hang.core.put_number(hang.frame + FRAME_BLOCKSTACK + 4 * i, value)


CASES = (states_loop, million_states, many_threads, interpreters_loop, many_interpreters, frames_loop,
         endless_frames, endless_text, endless_dict, full_dict, dict_of_long_keys, long_code)


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A core of the original hang, and the address of interp_head in it."""
    folder = tmp_path_factory.mktemp("original")
    with harness.started("popen_in_import", "shared", folder / "run") as process:
        core = harness.gcore(process.pid, folder / "core")
        shown = harness.run_gdb("-p", str(process.pid), "-ex", "print &interp_head").stdout
    return core, int(re.search(r"\$1 = .*?(0x[0-9a-f]+)", shown).group(1), 16)


@pytest.mark.parametrize("claim", CASES, ids=lambda case: case.__name__)
def test_a_core_that_claims_too_much_costs_little(original, claim_table, tmp_path, claim):
    core = pathlib.Path(shutil.copy(original[0], tmp_path / "core"))
    changed = Core(core)
    claim(Hang(changed, original[1]))
    changed.stream.close()
    ran = subprocess.run(["/usr/bin/time", "-q", "-f", "%U %S %M", "-o", tmp_path / "time", COMMAND,
                          *DEBUG, "--json", core], capture_output=True, text=True, timeout=60,
                         check=False)
    assert ran.returncode in (0, 1, 2) and ran.stdout, ran.stderr
    report = json.loads(ran.stdout)
    user, system, peak = map(float, (tmp_path / "time").read_text().split())
    problem = report["problems"][0] if report["problems"] else ""
    claim_table.append({
        "claim": claim.__name__, "verdict": report["verdict"]["kind"],
        "CPU s": f"{user + system:.2f}", "peak MiB": f"{peak / 1024:.0f}", "problem": problem[:80]})
    assert problem or claim is long_code  # which can be followed to its end
    assert peak / 1024 < 64
    assert report["verdict"]["kind"] in ("deadlock", "unknown") or not report["verdict"]["certain"]


def test_a_list_without_the_main_thread_is_not_whole(original, tmp_path):
    core = pathlib.Path(shutil.copy(original[0], tmp_path / "core"))
    changed = Core(core)
    hang = Hang(changed, original[1])
    changed.put(hang.states[-2] + STATE_NEXT, 0)
    changed.stream.close()
    ran = subprocess.run([COMMAND, *DEBUG, "--json", core], capture_output=True, text=True,
                         timeout=60, check=False)
    report = json.loads(ran.stdout)
    assert ran.returncode == 2 and report["verdict"]["kind"] == "unknown", report
    assert any("which threading knows, has no thread state" in problem
               for problem in report["problems"]), report


@pytest.mark.parametrize("pointer", ["null", "another"])
def test_two_waiters_for_one_lock_are_not_said_to_wait_for_two(hang, tmp_path, pointer):
    """What a damaged Lock leads to contradicts the futex that its waiter is in."""
    core = harness.gcore(hang("lock_left_locked", "shared").pid, tmp_path / "core")
    before = json.loads(subprocess.run([COMMAND, *DEBUG, "--json", core], capture_output=True,
                                       text=True, timeout=60, check=False).stdout)
    lock, = before["locks"]
    assert before["verdict"]["kind"] == "orphaned" and len(lock["waiters"]) == 2, before
    changed = Core(core)
    address = int(lock["address"], 16)
    places = [start + at for start, _, size in changed.segments
              for at in places_of(address, changed.read(start, size))]
    for place in places:
        changed.put(place, 0 if pointer == "null" else address ^ 64)
    changed.stream.close()
    ran = subprocess.run([COMMAND, *DEBUG, "--json", core], capture_output=True, text=True,
                         timeout=60, check=False)
    after = json.loads(ran.stdout)
    assert ran.returncode == 2 and after["problems"], after
    assert after["verdict"]["kind"] == "unknown", after


def places_of(word: int, contents: bytes) -> list[int]:
    """Where it lies, as an aligned word."""
    pattern, places, at = struct.pack("<Q", word), [], -1
    while (at := contents.find(pattern, at + 1)) >= 0:
        if at % 8 == 0:
            places.append(at)
    return places


def test_a_file_that_claims_millions_of_sections_is_refused(tmp_path):
    """libelf keeps a record of each as soon as it opens a file."""
    core = tmp_path / "core"
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 4, 62, 1, 0, 0, 64, 0, 64, 56, 0,
                         64, 0, 0)
    core.write_bytes(header + struct.pack("<2I6Q", 0, 0, 0, 0, 0, 1 << 24, 0, 0))
    with open(core, "r+b") as stream:
        stream.truncate(1 << 31)
    ran = subprocess.run([COMMAND, core], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 2
    assert ran.stderr == f"py-importlock: {core}: the ELF section headers are damaged\n"
