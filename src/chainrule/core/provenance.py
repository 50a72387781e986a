"""The user's source line of a recorded value: two words per node (code object, instruction offset), text on demand."""

from __future__ import annotations

import linecache
import os
import sys
import warnings
from types import CodeType, FrameType

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
KNOWN_USER: set[str] = set()  # file names seen to lie outside the package
_INSIDE: set[str] = set()  # file names seen to lie inside


class _Last:
    """The user code object that called last: the hot path recognises it without looking at its file name."""

    __slots__ = ("code",)

    def __init__(self) -> None:
        self.code: CodeType | None = None


last = _Last()


def user_frame(frame: FrameType) -> FrameType:
    """The nearest frame at or above `frame` that is not chainrule's own code (the outermost if all are)."""
    while True:
        name = frame.f_code.co_filename
        if name not in _INSIDE:
            if name in KNOWN_USER:
                return frame
            if not name.startswith(PACKAGE):
                KNOWN_USER.add(name)
                return frame
            _INSIDE.add(name)
        back = frame.f_back
        if back is None:
            return frame
        frame = back


def here(depth: int = 1) -> tuple[CodeType, int]:
    """(code object, instruction offset) of the user's line that led to this call."""
    frame = sys._getframe(depth)
    if frame.f_code is not last.code:
        frame = user_frame(frame)
        last.code = frame.f_code
    return frame.f_code, frame.f_lasti


def warn(text: str, category: type[Warning] = UserWarning) -> None:
    """warnings.warn() at the user's line, however many frames of our own lie between."""
    frame, level = sys._getframe(1), 2
    user = user_frame(frame)
    while frame is not user and frame.f_back is not None:
        frame, level = frame.f_back, level + 1
    warnings.warn(text, category, stacklevel=level)


def line_number(code: CodeType | None, offset: int) -> int:
    """Line number of an instruction offset in `code`."""
    if code is None:
        return 0
    found = code.co_firstlineno
    for start, end, line in code.co_lines():
        if start <= offset < end and line is not None:
            return line
    return found


def location(code: CodeType | None, offset: int) -> tuple[str, int, str]:
    """(file name, line number, source text) of a recorded position; ('', 0, '') where it is unknown."""
    if code is None:
        return "", 0, ""
    line = line_number(code, offset)
    return code.co_filename, line, linecache.getline(code.co_filename, line).strip()


def describe(code: CodeType | None, offset: int) -> str:
    """'train.py:12: `y = x * w`', for error messages; an empty string where the place is unknown."""
    filename, line, text = location(code, offset)
    if not filename:
        return "an unknown line"
    where = f"{os.path.basename(filename)}:{line}"
    return f"{where}: `{text}`" if text else where
