"""CPython 2.7 inside programs of other names."""
from __future__ import annotations

import os
import pathlib

import pytest
from test_verdicts import COMMAND, check_popen_deadlock, report_of

import harness

LIBRARY = "libpython2.7.so.1.0"


def compiled(
    source: str, folder: pathlib.Path, kind: str, link: list | None = None
) -> pathlib.Path:
    """fixtures/embed/SOURCE.c for the shared or the static build, linked with its libpython
    unless another is given."""
    prefix = harness.python(kind).parent.parent
    program = folder / "appserver"
    if link is None and kind == "static":
        archive = prefix / "lib/python2.7/config/libpython2.7.a"
        link = ["-no-pie", "-Wl,--export-dynamic", archive, "-lpthread", "-lutil", "-lm"]
    elif link is None:
        link = [f"-L{prefix}/lib", "-lpython2.7", f"-Wl,-rpath,{prefix}/lib"]
    harness.output(
        "cc", "-g", f"-I{prefix}/include/python2.7", harness.FIXTURES / "embed" / f"{source}.c",
        "-o", program, *link, "-ldl", timeout=60)
    return program


@pytest.mark.parametrize("source, kind", [
    ("linked", "shared"),
    ("linked", "static"),
    ("loaded", "shared"),
    ("subinterpreter", "shared"),
    ("subinterpreter", "static"),
])
def test_embedded(hang, tmp_path, source, kind):
    program = compiled(source, tmp_path, kind, [] if source == "loaded" else None)
    prefix = harness.python(kind).parent.parent
    library = prefix / "lib" / LIBRARY
    process = hang("popen_in_import", program,
                   environment={"PYTHONHOME": str(prefix), "LIBPYTHON": str(library)})
    live = report_of(harness.run_gdb("-p", str(process.pid), *COMMAND))
    check_popen_deadlock(live, process)
    assert live["target"]["executable"] == str(program)
    image = program if kind == "static" else library
    assert os.path.realpath(live["python"]["image"]) == os.path.realpath(image)

    core = harness.kernel_core(process, tmp_path / "core")
    again = report_of(harness.run_gdb("-c", core, *COMMAND))
    assert again["verdict"] == live["verdict"]
    assert again["python"] == live["python"]
