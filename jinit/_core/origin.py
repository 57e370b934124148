"""Where an error comes from: the user's own code, or a library that it calls."""

import dis
import types


# Errors of these are told as a misfit of what they were given.
LIBRARIES = {"equinox", "flax", "haiku", "jax", "jaxlib", "jinit", "keras", "numpy"}
_RAISES = {"RAISE_VARARGS", "RERAISE"}  # a `raise`, or an `assert`


def is_users(error: BaseException) -> bool:
    """Whether the user's own code raised an error, which is then passed on.

    JAX takes its frames out of the tracebacks that it sees. An error that it has seen,
    and whose last line raises nothing by itself, is therefore taken for one of JAX's.
    """
    last = error.__traceback__
    while last and last.tb_next:
        last = last.tb_next
    if last is None or _package(type(error).__module__) in LIBRARIES:
        return False
    package = _package(last.tb_frame.f_globals.get("__name__"))
    if package in LIBRARIES:  # JAX looks up the attributes of its tracers
        return package == "jax" and isinstance(error, AttributeError)
    passed_by = _package(type(error.__cause__).__module__) == "jax"
    kinds = TypeError | ValueError | NotImplementedError
    return _raises(last) or not (passed_by and isinstance(error, kinds))


def _package(module: str | None) -> str:
    return str(module).partition(".")[0]


def _raises(at: types.TracebackType) -> bool:
    code = at.tb_frame.f_code.co_code
    return dis.opname[code[at.tb_lasti]] in _RAISES
