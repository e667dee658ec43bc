"""The gdb command py-importlock: who holds CPython 2.7's import lock, who waits, is it a deadlock.

Source this file in gdb; it finds the native module beside itself (an installed prefix or a build
tree) or in the build folders of the source tree that it stands in.
"""

import glob
import importlib.machinery
import importlib.util
import os
import re
import sysconfig

import gdb

_HERE = os.path.dirname(os.path.realpath(__file__))
_MODULE = "_py_importlock"


def _load_module():
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    places = [_HERE] + sorted(glob.glob(os.path.join(_HERE, "..", "build*", "gdb_plugin"))
                              + glob.glob(os.path.join(_HERE, "..", "build*", "*", "gdb_plugin")))
    paths = [os.path.join(place, _MODULE + suffix) for place in places]
    found = [path for path in paths if os.path.exists(path)]
    if not found:
        version = sysconfig.get_python_version()
        others = [path for place in places for path in glob.glob(os.path.join(place, _MODULE + "*.so"))]
        reason = "is built for another Python (%s)" % os.path.basename(others[0]) if others \
            else "is not built"
        raise gdb.GdbError("py-importlock: its native module %s; this gdb embeds Python %s. Build it "
                           "with: cmake --preset release && cmake --build --preset release"
                           % (reason, version))
    path = max(found, key=os.path.getmtime)
    loader = importlib.machinery.ExtensionFileLoader(_MODULE, path)
    spec = importlib.util.spec_from_file_location(_MODULE, path, loader=loader)
    try:
        module = importlib.util.module_from_spec(spec)
        loader.exec_module(module)
    except ImportError as error:
        raise gdb.GdbError("py-importlock: %s does not load into gdb's Python %s: %s"
                           % (path, sysconfig.get_python_version(), error))
    return module


class _Selection(object):
    """Restores gdb's selected thread and frame whatever happens."""

    def __enter__(self):
        self.thread = gdb.selected_thread()
        try:
            self.frame = gdb.selected_frame()
        except gdb.error:
            self.frame = None

    def __exit__(self, *_):
        try:
            if self.thread is not None and self.thread.is_valid():
                self.thread.switch()
            if self.frame is not None and self.frame.is_valid():
                self.frame.select()
        except gdb.error:
            pass


def _unsigned(name):
    return int(gdb.parse_and_eval("(unsigned long)$" + name)) & (2 ** 64 - 1)


def _threads(inferior):
    rows = []
    with _Selection():
        for thread in sorted(inferior.threads(), key=lambda thread: thread.num):
            if thread.is_running():
                raise gdb.GdbError("py-importlock: the process is running; stop it first, with "
                                   "'interrupt'")
            thread.switch()
            call = int(gdb.parse_and_eval("(long)$orig_rax"))
            rows.append((thread.ptid[1] or thread.ptid[2], thread.num, _unsigned("fs_base"), call,
                         _unsigned("rdi"), _unsigned("rsi")))
    return rows


def _report(native):
    inferior = gdb.selected_inferior()
    if inferior.pid == 0 or not inferior.threads():
        raise gdb.GdbError("py-importlock: no process; attach to one with 'attach PID' or open a core "
                           "with 'core FILE'")
    architecture = inferior.architecture().name()
    if architecture != "i386:x86-64":
        raise gdb.GdbError("py-importlock: the target is %s; this version reads x86-64 only"
                           % architecture)
    text = gdb.execute("info target", to_string=True)
    core = re.search(r"Local core dump file:\s+`(.*)', file type", text)
    files = native.FileLookup()
    files.debug_directories = [place for place in
                               gdb.parameter("debug-file-directory").split(":") if place]
    files.debug_files = [objfile.filename for objfile in gdb.objfiles()
                         if objfile.owner is not None and objfile.filename]
    sysroot = gdb.parameter("sysroot") or ""
    executable = ""
    pid = inferior.pid
    if core:
        files.roots = [sysroot, ""] if sysroot and sysroot != "target:" else [""]
        executable = gdb.current_progspace().filename or ""
    else:
        files.roots = ["/proc/%d/root" % pid]
        files.working_directory = "/proc/%d/cwd" % pid
        try:
            executable = os.readlink("/proc/%d/exe" % pid)
        except OSError as error:
            raise gdb.GdbError("py-importlock: process %d cannot be looked at in /proc: %s"
                               % (pid, error.strerror))
    return native.report("core" if core else "process", pid, executable,
                         core.group(1) if core else None, _threads(inferior),
                         inferior.read_memory, gdb.MemoryError, files)


class PyImportlock(gdb.Command):
    """Say who holds CPython 2.7's import lock, who waits for it, and whether it is a deadlock.

Usage: py-importlock [-json]

  -json   write the report as one JSON object, schema "py-importlock/1"

Works on a process (attach PID) and on a core file. It only reads. Afterwards
$_py_importlock_status is 0 where nothing hangs, 1 where something does, 2 where
it cannot be told."""

    OPTIONS = ("-json",)

    def __init__(self):
        super(PyImportlock, self).__init__("py-importlock", gdb.COMMAND_STATUS)
        self.native = None

    def complete(self, text, word):
        # readline takes "-" for a break between words, so the part behind it is what it replaces.
        typed = text.split(" ")[-1]
        skip = len(typed) - len(word or "")
        return [option[skip:] for option in self.OPTIONS if option.startswith(typed)]

    def invoke(self, argument, from_tty):
        gdb.set_convenience_variable("_py_importlock_status", 2)
        options = gdb.string_to_argv(argument)
        for option in options:
            if option not in self.OPTIONS:
                raise gdb.GdbError("py-importlock: unknown option %s; see 'help py-importlock'"
                                   % option)
        if self.native is None:
            self.native = _load_module()
        try:
            report = _report(self.native)
        except KeyboardInterrupt:
            raise gdb.GdbError("py-importlock: interrupted")
        except (self.native.Error, gdb.error) as error:
            raise gdb.GdbError("py-importlock: %s" % error)
        gdb.set_convenience_variable("_py_importlock_status", report.status)
        if "-json" in options:
            gdb.write(report.json())
            return
        width = gdb.parameter("width")
        color = bool(from_tty and gdb.parameter("style enabled") and os.isatty(1))
        gdb.write(report.text(80 if width is None else min(width, 1000), color))


PyImportlock()
