# gdb loads this beside a program or library of its name: see CMakeLists.txt in native/bindings.
# As it is no -gdb.py it leaves that name to CPython's libpython.py.
python
import gdb, os, re
# gdb lists a script before it runs it (auto-load.c, auto_load_objfile_script_1), by its own place.
for prefix in re.findall(r"^Yes\s+(/.*)/share/gdb/auto-load/.*python2\.7.*-gdb\.gdb\s*$",
                         gdb.execute("info auto-load gdb-scripts", to_string=True), re.M):
    plugin = os.path.join(prefix, "lib/py-importlock/py-importlock.py")
    if os.path.exists(plugin):
        gdb.execute("source " + plugin)
        break
end
