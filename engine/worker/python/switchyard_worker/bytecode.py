"""Byte code of another Python: it would be run all the same, and end in nonsense or in a crash."""

import dis
import os
import platform
import sys
from types import CodeType, FunctionType

USER_VERSION = "GC_USER_PYTHON_VERSION"


def foreign_code(call):
    """Whether a function's code cannot have been made by this Python."""
    return type(call) is FunctionType and is_foreign(call.__code__)


def is_foreign(code):
    names = set()
    try:
        for step in dis.get_instructions(code):
            # An instruction that there is not, or an inline cache where an instruction should be.
            if step.opname.startswith("<") or step.opname == "CACHE":
                return True
            names.add(step.opname)
    except Exception:
        return True  # it points to constants or names that are not there
    if sys.version_info >= (3, 11) and "RESUME" not in names:
        return True
    return any(is_foreign(part) for part in code.co_consts if isinstance(part, CodeType))


def is_other_version():
    """Whether the user is known to have another minor version than this."""
    users = os.environ.get(USER_VERSION, "").split(".")
    return len(users) > 1 and users[:2] != [str(sys.version_info[0]), str(sys.version_info[1])]


def foreign_sentence():
    users = "Python " + os.environ[USER_VERSION] if is_other_version() else "another version of Python"
    return (
        "the function was serialized as byte code by {}, and this worker runs Python {} ({}): byte code runs under its "
        "own minor version only. Give the endpoint an environment with that version (worker_init), or serialize the "
        "function as source: ComputeSerializer(strategy_code=AllCodeStrategies())"
    ).format(users, platform.python_version(), sys.executable)
