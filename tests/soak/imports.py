"""Imports come and go in several threads at once."""
import busy

busy.module("leaf", "value = [n * n for n in range(200)]")
busy.module("branch", "import leaf", "from leaf import value", "import json.encoder")
busy.module("trunk", "import branch", "import leaf", "import xml.dom.minidom")
busy.module("breaks", "import leaf", "raise ImportError('on purpose')")


def work(number, done):
    if number % 3 == 2:
        busy.again("breaks")
    for name in ("leaf", "branch", "trunk")[number % 3:]:
        busy.again(name)


busy.for_ever(work, 5)
