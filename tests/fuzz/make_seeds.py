"""Makes seeds for a fuzz target: small files of this compiler, and code of the interpreters.

usage: make_seeds.py TARGET FOLDER
"""
import pathlib
import struct
import subprocess
import sys
import tempfile
from random import Random

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = """
#include <stddef.h>
long PyString_Type, PyFrame_Type, PyCapsule_Type;
static long import_lock_thread = -1; static void *import_lock; static int import_lock_level;
void _PyImport_ReInitLock(void) {
  if (import_lock != NULL) import_lock = &import_lock;
  import_lock_thread = -1;
  import_lock_level = 0;
}
int main(void) { return 0; }
"""
FUNCTIONS = ("_PyImport_ReInitLock", "_PyImport_AcquireLock", "PyInterpreterState_Head",
             "PyEval_ThreadsInitialized", "PyEval_AcquireLock")
ARCHITECTURES = {62: 0, 3: 1, 183: 2}  # e_machine: as machine_code.cpp numbers them


def elf_file():
    with tempfile.TemporaryDirectory() as folder:
        source, program = pathlib.Path(folder, "a.c"), pathlib.Path(folder, "a.out")
        source.write_text(PROGRAM)
        for options in (["-O2", "-Wl,--build-id", "-rdynamic"], ["-O1", "-shared", "-fPIC"]):
            subprocess.run(["gcc", *options, "-Wl,-z,noseparate-code", source, "-o", program],
                           check=True)
            debug = pathlib.Path(folder, "a.debug")
            subprocess.run(["objcopy", "--only-keep-debug", program, debug], check=True)
            subprocess.run(["objcopy", "--strip-debug", "--add-gnu-debuglink", debug, program],
                           check=True)
            contents = program.read_bytes()
            yield struct.pack("<I", len(contents)) + contents + debug.read_bytes()


def machine_code():
    for path in REPOSITORY.glob("build/bullseye*/root/usr/lib/*/libpython2.7.so.1.0"):
        data = path.read_bytes()
        machine = struct.unpack_from("<H", data, 18)[0]
        listing = subprocess.run(["readelf", "-W", "--dyn-syms", path], capture_output=True,
                                 text=True, check=True).stdout
        for row in map(str.split, listing.splitlines()):
            # In these files code lies at its own offset.
            if len(row) > 7 and row[7].split("@")[0] in FUNCTIONS:
                start, size = int(row[1], 16), int(row[2], 0)
                yield bytes([ARCHITECTURES[machine]]) + data[start:start + size]


def note(kind, contents):
    padded = contents + b"\0" * (-len(contents) % 4)
    return struct.pack("<III", 5, len(contents), kind) + b"CORE\0\0\0\0" + padded


def core_file():
    for machine, status_size, call_at in ((62, 336, 112 + 15 * 8), (183, 392, 112 + 8 * 8)):
        status = bytearray(status_size)
        struct.pack_into("<I", status, 32, 4242)
        struct.pack_into("<q", status, call_at, 202)
        path = b"/usr/bin/python2.7\0"
        files = struct.pack("<QQQQQ", 1, 4096, 0x400000, 0x401000, 0) + path
        notes = note(1, bytes(status)) + note(0x46494C45, files)
        notes += note(6, struct.pack("<4Q", 3, 0x400040, 0, 0))
        memory = b"\x7fELF" + b"\x02\x01\x01" + bytes(500)
        header = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack(
            "<HHIQQQIHHHHHH", 4, machine, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
        offset = 64 + 2 * 56
        segments = struct.pack("<IIQQQQQQ", 4, 0, offset, 0, 0, len(notes), 0, 4)
        segments += struct.pack("<IIQQQQQQ", 1, 6, offset + len(notes), 0x400000, 0, len(memory),
                                4096, 4096)
        yield header + segments + notes + memory


def report():
    yield bytes(range(256)) * 8
    yield b"\x1b[31m\xc2\x9b\xe2\x80\xae\xff" * 200


def capture():
    for number in range(8):
        # Most numbers below 160: capture.cpp makes small numbers and addresses of them.
        random = Random(number)
        yield bytes(random.randrange(180) for _ in range(1500))


if __name__ == "__main__":
    target, folder = sys.argv[1:]
    for number, seed in enumerate(globals().get(target, tuple)()):
        pathlib.Path(folder, "seed-%d" % number).write_bytes(seed)
