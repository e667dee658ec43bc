# gdb loads this beside a program or library of its name: see CMakeLists.txt in native/bindings.
# As it is no -gdb.py it leaves that name to CPython's libpython.py.
python
import gdb, os
for folder in gdb.parameter("auto-load scripts-directory").split(":"):
    folder = folder.replace("$datadir", os.path.dirname(gdb.PYTHONDIR))
    plugin = os.path.join(folder, "../../../lib/py-importlock/py-importlock.py")
    if os.path.exists(plugin):
        gdb.execute("source " + os.path.normpath(plugin))
        break
end
