#!/usr/bin/env python3
"""Prints opcodes3NN.cpp for the CPython 3.11 or later that runs it, to be put through clang-format.

usage: python3.N make_opcodes.py | clang-format --assume-filename=opcodes3NN.cpp > opcodes3NN.cpp
"""
import dis
import opcode
import sys

MINOR = sys.version_info.minor

# What is looked for, and what is passed over between that; see bytecode.hpp.
MEANINGS = {
    "BEFORE_WITH": "setup_with",
    "CALL": "call_function",
    "CALL_FUNCTION_EX": "call_function_ex",
    "CALL_KW": "call_function_kw",
    "CHECK_EXC_MATCH": "check_exc_match",
    "FOR_ITER": "for_iter",
    "IMPORT_NAME": "import_name",
    "JUMP_BACKWARD": "jump_back",
    "LOAD_ATTR": "load_attr",
    "LOAD_CLASSDEREF": "load_deref",
    "LOAD_DEREF": "load_deref",
    "LOAD_FAST": "load_fast",
    "LOAD_FAST_BORROW": "load_fast",
    "LOAD_FAST_BORROW_LOAD_FAST_BORROW": "load_fast",
    "LOAD_FAST_CHECK": "load_fast",
    "LOAD_FAST_LOAD_FAST": "load_fast",
    "LOAD_GLOBAL": "load_global",
    "LOAD_METHOD": "load_attr",
    "LOAD_NAME": "load_name",
    "POP_TOP": "pop_top",
    "PUSH_EXC_INFO": "push_exc_info",
    "RERAISE": "end_finally",
    "WITH_EXCEPT_START": "with_except_start",
    **dict.fromkeys(("CACHE", "COPY_FREE_VARS", "EXTENDED_ARG", "KW_NAMES", "MAKE_CELL", "NOP",
                     "NOT_TAKEN", "PRECALL", "PUSH_NULL", "RESUME"), "prefix"),
}
if "LOAD_SPECIAL" in dis.opmap:
    # Since 3.14 `with` is these three and a CALL, which is then what enters it.
    MEANINGS |= dict.fromkeys(("COPY", "LOAD_SPECIAL", "SWAP"), "prefix")

ENDS = ("INTERPRETER_EXIT", "RAISE_VARARGS", "RERAISE", "RETURN_CONST", "RETURN_VALUE")
# What stands for another opcode, or for none.
STANDS_IN = ("INSTRUMENTED_", "RESERVED")

# ByArgument, in the order in which they are tried.
BY_ARGUMENT = {
    "none": lambda n: 0,
    "adds": lambda n: n,
    "subtracts": lambda n: -n,
    "subtracts_twice": lambda n: -2 * n,
    "low_bit_adds": lambda n: n & 1,
    "low_bit_subtracts": lambda n: -(n & 1),
    "slice": lambda n: -(n == 3),
    "format": lambda n: -(n & 4 != 0),
    "function": lambda n: -bin(n & 15).count("1"),
    "unpack": lambda n: (n & 0xff) + (n >> 8),
}
ARGUMENTS = (*range(20), 0x101)

# Where what the interpreter does while it runs differs from the compiler's account.
EFFECTS = {"RETURN_GENERATOR": (1, "none")}
DIFFERS = "RETURN_GENERATOR"
if MINOR == 11:
    EFFECTS |= {"PRECALL": (0, "none"), "CALL": (-1, "subtracts")}
    DIFFERS = "PRECALL and CALL, which take nothing away before they have called"


def stack_effect(number, argument, jump):
    has_argument = number >= dis.HAVE_ARGUMENT if MINOR < 13 else number in dis.hasarg
    return dis.stack_effect(number, argument if has_argument else None, jump=jump)


def effect(number, name):
    """The change of the stack's depth where the code goes on, and how the argument changes it."""
    if name in EFFECTS:
        return EFFECTS[name]
    try:
        found = {n: stack_effect(number, n, False) for n in ARGUMENTS}
    except ValueError:  # of what stands in code for a moment only
        return 0, "none"
    for kind, change in BY_ARGUMENT.items():
        base = found[0] - change(0)
        if all(each == base + change(n) for n, each in found.items()):
            return base, kind
    raise ValueError(f"{name}: {found}")


def flow(number, name):
    if name in ENDS:
        return "end"
    if name == "ENTER_EXECUTOR":
        return "jump_backward"  # it stands in the place of JUMP_BACKWARD
    if number not in dis.hasjrel or name == "END_ASYNC_FOR":
        return "next"
    way = "backward" if "BACKWARD" in name else "forward"
    return f"jump_{way}" if name.startswith("JUMP_" + way.upper()) else f"may_jump_{way}"


def caches():
    if MINOR >= 13:
        return opcode._inline_cache_entries
    return {dis.opname[number]: units for number, units in enumerate(opcode._inline_cache_entries)}


def rows():
    units = caches()
    for name, number in sorted(dis.opmap.items(), key=lambda item: item[1]):
        if number > 255 or name.startswith(STANDS_IN):
            continue
        change, kind = effect(number, name)
        meaning = MEANINGS.get(name, "other")
        goes = flow(number, name)
        if meaning == "other" and name.startswith("POP_JUMP_BACKWARD"):
            meaning = "jump_back"
        jumped = stack_effect(number, 0, True) if goes.startswith("may_jump") else 0
        yield (f"    OpcodeRow{{{number}, Opcode::{meaning}, {units.get(name, 0)}, {change}, "
               f"ByArgument::{kind}, Flow::{goes}, {jumped}}},  // {name}")


def specialised():
    """Each opcode that stands in memory for another, and which."""
    numbers = opcode._specialized_opmap if MINOR >= 13 else dis._all_opmap
    for name, forms in opcode._specializations.items():
        for form in forms:
            yield numbers[form], dis.opmap[name]
    for name, number in dis.opmap.items():
        of = name.removeprefix("INSTRUMENTED_")
        if of != name and of in dis.opmap:
            yield number, dis.opmap[of]


def main():
    pairs = sorted(specialised())
    first = str(MINOR >= 13).lower()
    # Two bits of IMPORT_NAME's argument are flags, and an index lies above FOR_ITER's iterator.
    since_315 = ", 2, 1" if MINOR >= 15 else ""
    print(f"""#include <array>

#include "cpython/layouts/opcodes3.hpp"

namespace importlock {{

namespace {{

// Lib/opcode.py, Python/compile.c stack_effect (as dis.stack_effect tells it) and
// Include/internal/pycore_opcode*.h _PyOpcode_Caches of 3.{MINOR}. What the interpreter does while it
// runs differs from the compiler's account for
// {DIFFERS}.
constexpr std::array rows{{""")
    print("\n".join(rows()))
    print(f"""}};

constexpr std::array<std::pair<std::uint8_t, std::uint8_t>, {len(pairs)}> specialised{{
    {{{", ".join(f"{{{number}, {base}}}" for number, base in pairs)}}}}};

}}  // namespace

const OpcodeTable python3{MINOR}_opcodes{{{dis.EXTENDED_ARG}, {first}, 2, rows, specialised{since_315}}};

}}  // namespace importlock""")


main()
