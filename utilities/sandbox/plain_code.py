"""Tells the programs that can leave no trace in their process, so that others may run there next.

Whoever owns a process can make every later program in it fail. So in batch mode a program shares
one only if its code is plain: it has no means to reach anything but its own objects. A program
may well be harmless without being plain; it then gets a process of its own, which costs time only.
"""

import re
import sys
from collections.abc import Iterable
from opcode import opmap
from types import CodeType

_STATELESS = """
    __future__ abc array bisect collections copy fractions functools heapq itertools math operator
    re string typing
"""
"""Modules of the standard library whose public functions keep no state; numpy besides."""
_REACHING = """
    breakpoint compile delattr dir eval exec getattr globals help input locals memoryview open
    setattr type vars
    attrgetter bltns dispatch_table EXCLUDED_ATTRIBUTES Formatter get_type_hints make_dataclass
    methodcaller register singledispatch stdlib_re Template total_ordering update_wrapper wraps
    add_docstring add_newdoc add_newdoc_ufunc as_strided byteswap compat core ctypeslib dump dumps
    errstate f2py fromfile fromregex genfromtxt getfield lib load loadtxt ma matrixlib memmap
    nditer nested_iters polynomial resize save savetxt savez savez_compressed scipy sctypeDict
    set_printoptions set_string_function setbufsize seterr seterrcall setfield setflags testing
    tofile typecodes
"""
"""What runs text, sets or gets attributes by their names, changes settings, or trusts addresses:
first Python's, then the listed modules', then numpy's."""
_DENIED = {*_REACHING.split(), *(sys.stdlib_module_names - {*_STATELESS.split()})}
_HIDDEN = re.compile(r"_(?!_name__$)|(?:ag|co|cr|f|gi|tb)_")
"""Private names, Python's own (`__class__`), and attributes of frames, code and generators."""
_STORES = (opmap["STORE_ATTR"], opmap["DELETE_ATTR"])


def is_plain(code: CodeType) -> bool:
    """Whether neither the code nor any code inside it stores an attribute or uses a denied name.

    What is looked for are all names but those of local variables: attributes, globals, modules.
    Names of arguments, and of the attributes in a `case`, stand in tuples among the constants.
    """
    operations = code.co_code[::2]
    if any(store in operations for store in _STORES):
        return False
    return _are_plain(code.co_names) and all(map(_is_plain_constant, code.co_consts))


def _is_plain_constant(constant: object) -> bool:
    if isinstance(constant, CodeType):
        return is_plain(constant)
    if isinstance(constant, tuple):
        return _are_plain(each for each in constant if isinstance(each, str)) and all(
            map(_is_plain_constant, constant)
        )
    return True


def _are_plain(names: Iterable[str]) -> bool:
    parts = (part for name in names for part in name.split("."))
    return not any(part in _DENIED or _HIDDEN.match(part) for part in parts)
