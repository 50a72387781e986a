"""What the user calls a recorded value: t.label("L"), a variable, a parameter's path, or an assignment's target."""

from __future__ import annotations

import ast
import linecache
from types import CodeType, FrameType, ModuleType
from typing import Any

import numpy as np

from ..core.provenance import user_frame
from ..core.tape import Select
from ..core.value import Tensor
from ..core.writes import owner_of

FRAMES = 12  # of the user's calls, from the innermost outwards, whose variables are looked through
OUTPUTS = ("In", "Out")  # IPython's own
MEMBERS = 200  # entries of one list, dict or object that are looked through


def real(place: Any) -> Any:
    """The node behind a place on the tape: of one of several results, the operation that gave it."""
    return place.node if type(place) is Select else place


def memory_of(data: np.ndarray) -> tuple[int, int, int]:
    """Equal for arrays that show the same entries, perhaps in another shape."""
    return id(owner_of(data)), data.__array_interface__["data"][0], data.size


def _rank(value: Any) -> int:
    if issubclass(type(value), Tensor):
        return 2 if value._is_param else 0
    return 0 if type(value) is np.ndarray else 1


def _tuple(slots: Any) -> tuple:
    return (slots,) if isinstance(slots, str) else tuple(slots)


class Names:
    """The names in use: `places` (id of a node -> name, tensor), `arrays` (id of an array -> name), `modules`."""

    def __init__(self, frame: FrameType | None) -> None:
        self.places: dict[int, tuple[str, Tensor]] = {}
        self.arrays: dict[int, str] = {}
        self.memory: dict[tuple, str] = {}  # memory_of an array -> name
        self.modules: dict[int, str] = {}
        self.codes: set[CodeType] = set()  # of the user's functions that are running
        self._held: list[Any] = []  # keeps what was found by its id alive
        for _ in range(FRAMES):
            if frame is None:
                break
            frame = user_frame(frame)
            self.codes.add(frame.f_code)
            scopes = (frame.f_locals,) if frame.f_locals is frame.f_globals else (frame.f_locals, frame.f_globals)
            for scope in scopes:
                mine = [(k, v) for k, v in list(scope.items()) if k.isidentifier() and k[0] != "_" and k not in OUTPUTS]
                for rank in range(3):  # plain tensors before what lists and objects hold, parameters after modules
                    for name, value in mine:
                        if _rank(value) == rank:
                            self.add(name, value)
            frame = frame.f_back

    def add(self, name: str, value: Any) -> None:
        """Take note of a variable and of what it holds."""
        try:
            self._add(name, value, True)
        except Exception:  # a stranger's object that does not like to be looked at has no names for us
            return

    def _add(self, name: str, value: Any, inside: bool) -> None:
        if isinstance(value, Tensor):
            name = value._label or name
            if value._node is not None:
                self.places.setdefault(id(real(value._node)), (name, value))
            if isinstance(value._data, np.ndarray):
                self.array(name, value._data)
        elif type(value) is np.ndarray:
            self.array(name, value)
        elif not inside:
            return
        elif hasattr(type(value), "named_parameters"):
            if id(value) not in self.modules:
                self.modules[id(value)] = name
                for inner, p in value.named_parameters():
                    self._add(f"{name}.{inner}", p, False)
                for inner, p in value.named_buffers():
                    self._add(f"{name}.{inner}", p, False)
        elif isinstance(value, (list, tuple)):
            for i, x in enumerate(value[:MEMBERS]):
                self._add(f"{name}[{i}]", x, False)
        elif type(value) is dict:
            for key, x in list(value.items())[:MEMBERS]:
                self._add(f"{name}[{key!r}]", x, False)
        elif not isinstance(value, (type, ModuleType)):
            slots = [k for c in type(value).__mro__ for k in _tuple(c.__dict__.get("__slots__", ()))]
            held = {k: getattr(value, k) for k in slots if k[:1] != "_" and hasattr(value, k)}
            for key, x in list({**held, **getattr(value, "__dict__", {})}.items())[:MEMBERS]:
                self._add(f"{name}.{key}", x, False)

    def array(self, name: str, data: np.ndarray) -> None:
        """Take note of an array's name."""
        if id(data) not in self.arrays:
            self.arrays[id(data)] = name
            self._held.append(data)
            if data.ndim:
                self.memory.setdefault(memory_of(data), name)

    def of_array(self, data: np.ndarray) -> str:
        """The name of an array, or of the one whose memory it shows in another shape."""
        return self.arrays.get(id(data)) or self.memory.get(memory_of(data), "")


# ---- targets of assignments -----------------------------------------------------------------------------------------

_TARGETS: dict[str, tuple[int, dict]] = {}  # file name -> (number of lines, {span of a right side: target})
_SPANS: dict[CodeType, list] = {}


def assigned(code: CodeType | None, lasti: int) -> str:
    """The variable to which the value of this instruction is assigned as it is: 'h' for the @ of `h = x @ w`."""
    if code is None:
        return ""
    if code not in _SPANS:
        if len(_SPANS) > 2048:
            _SPANS.clear()
        _SPANS[code] = list(code.co_positions())
    spans = _SPANS[code]
    if not 0 <= lasti // 2 < len(spans):
        return ""
    return _targets(code.co_filename).get(spans[lasti // 2], "")


def _targets(filename: str) -> dict:
    """{(line, end line, column, end column) of the right side: name} of every plain assignment in a file."""
    lines = linecache.getlines(filename)
    known = _TARGETS.get(filename)
    if known is not None and known[0] == len(lines):
        return known[1]
    found: dict[tuple, str] = {}
    try:
        tree = ast.parse("".join(lines))
    except (SyntaxError, ValueError, RecursionError):
        tree = ast.Module([], [])
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target, value = node.targets[0], node.value
        elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
            target, value = node.target, node.value
        elif isinstance(node, ast.AugAssign):
            target, value = node.target, node
        else:
            continue
        if isinstance(target, (ast.Name, ast.Attribute)):
            span = (value.lineno, value.end_lineno, value.col_offset, value.end_col_offset)
            found[span] = ast.unparse(target)
    if len(_TARGETS) > 256:
        _TARGETS.clear()
    _TARGETS[filename] = len(lines), found
    return found
