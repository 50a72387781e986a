"""Reading pickles as plain data: a small machine for pickle's operations that can build containers and tensors only.

Python's own unpickler is never run, so that no code named in a file is. The operations are parsed by pickletools; every
global name outside the table below is refused by name.
"""

from __future__ import annotations

import codecs
import pickletools
import struct
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.dtypes import dtype, is_inexact
from ...core.value import Tensor, wrap
from ...tensor.attributes import Size, device
from .errors import SerializationError
from .names import DTYPE_OF, DTYPES, array_dtype
from .placing import contiguous_strides, view
from .plain import CONTAINERS, check_key, check_nesting


class Storage:
    """A storage as read from the archive: a flat array."""

    def __init__(self, data: np.ndarray) -> None:
        self.data = data


class StorageType:
    """A storage class named in a file; `dtype` is None for UntypedStorage, whose elements are bytes."""

    def __init__(self, name: str | None) -> None:
        self.dtype = name


class _Array:
    """A NumPy array whose state has not been read."""


class _DType:
    """A NumPy dtype; its state sets the byte order."""

    def __init__(self, dtype: np.dtype) -> None:
        self.dtype = dtype


def leaf_of(data: np.ndarray, requires_grad: Any, parameter: bool = False) -> Tensor:
    from ...nn.parameter import Parameter

    made = wrap(data)
    wanted = requires_grad is True and is_inexact(data.dtype)
    if parameter:
        return Parameter(made, wanted)
    return made.requires_grad_() if wanted else made  # type: ignore[attr-defined]


def _rebuild_v2(storage: Any, offset: Any, size: Any, stride: Any, grad: Any = False, hooks: Any = None, *rest: Any):
    if not isinstance(storage, Storage):
        raise SerializationError("a tensor refers to something that is not a storage")
    data = view(storage.data, offset, size, stride, "a tensor")
    metadata = rest[0] if rest and isinstance(rest[0], dict) else {}
    if (metadata.get("conj") or metadata.get("neg")) and data.size > storage.data.size:
        raise SerializationError("a tensor is larger than its storage, and conjugated")
    if metadata.get("conj"):
        data = np.conj(data)
    if metadata.get("neg"):
        data = np.negative(data)
    return leaf_of(data, grad)


def _rebuild_v3(storage: Any, offset: Any, size: Any, stride: Any, grad: Any, hooks: Any, kind: Any, *rest: Any):
    if not isinstance(storage, Storage) or not isinstance(kind, dtype):
        raise SerializationError("a tensor refers to something that is not a storage and a dtype")
    width = kind.itemsize
    whole = storage.data[: storage.data.size // width * width]
    if whole.dtype != np.uint8:
        raise SerializationError(f"a tensor of dtype {kind.name} needs an untyped storage")
    data = whole != 0 if kind.name == "bool" else whole.view(kind.dtype)
    return _rebuild_v2(Storage(data), offset, size, stride, grad, hooks, *rest)


def _parameter(data: Any, requires_grad: Any = True, *rest: Any) -> Tensor:
    if not isinstance(data, Tensor):
        raise SerializationError("a parameter is made of something that is not a tensor")
    return leaf_of(data._data, requires_grad, True)


def _encode(text: Any, encoding: Any) -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1", "utf-8", "ascii"):
        raise SerializationError("bytes are written in an unknown encoding")
    return codecs.encode(text, encoding)


def _sequence(make: Callable) -> Callable:
    """`make` of at most one list or tuple: a number would make it as long as a file likes."""

    def build(*args: Any) -> Any:
        if len(args) > 1 or any(not isinstance(a, (list, tuple, set, frozenset, bytes)) for a in args):
            raise SerializationError(f"{make.__name__} takes one list")
        if make in (set, frozenset):
            for member in args[0] if args else ():
                check_key(member)
        return make(*args)

    return build


def _ordered(pairs: Any = ()) -> OrderedDict:
    found: OrderedDict = OrderedDict()
    for pair in pairs:
        key, value = pair
        check_key(key)
        found[key] = value
    return found


def _counter(counts: Any = None) -> Counter:
    if not isinstance(counts, (dict, type(None))):
        raise SerializationError("a Counter is made of something that is not a dict")
    return Counter(counts or {})


def _size(*args: Any) -> Size:
    parts = args[0] if len(args) == 1 and isinstance(args[0], (tuple, list)) else args
    if any(type(n) is not int for n in parts):
        raise SerializationError("a Size holds something that is not a whole number")
    return Size(parts)


def _complex(*args: Any) -> complex:
    if any(not isinstance(a, (int, float)) for a in args):
        raise SerializationError("a complex number is made of something that is not a number")
    return complex(*args)


def _device(*args: Any) -> device:
    if not args or not isinstance(args[0], str):
        raise SerializationError("a device has no name")
    return device("cpu")  # tensors live there, wherever they were saved


def _scalar(kind: Any, data: Any) -> Any:
    if not isinstance(kind, _DType) or not isinstance(data, bytes) or len(data) != kind.dtype.itemsize:
        raise SerializationError("a NumPy number has no dtype, or not its number of bytes")
    return np.frombuffer(data, kind.dtype)[0]


def _numpy_dtype(text: Any, *flags: Any) -> _DType:
    return _DType(array_dtype(text))


class _Function:
    """A global that may be called, with the function of ours that stands for it."""

    def __init__(self, name: str, call: Callable) -> None:
        self.name, self.call = name, call


def _table() -> dict[str, Any]:
    from ...core.dtypes import as_dtype

    made: dict[str, Any] = {
        "collections.OrderedDict": _ordered,
        "collections.Counter": _counter,
        "builtins.set": _sequence(set),
        "builtins.frozenset": _sequence(frozenset),
        "builtins.bytearray": _sequence(bytearray),
        "builtins.bytes": _sequence(bytes),
        "builtins.complex": _complex,
        "_codecs.encode": _encode,
        "torch.Size": _size,
        "torch.device": _device,
        "torch._utils._rebuild_tensor": _rebuild_v2,
        "torch._utils._rebuild_tensor_v2": _rebuild_v2,
        "torch._utils._rebuild_tensor_v3": _rebuild_v3,
        "torch._utils._rebuild_parameter": _parameter,
        "torch._utils._rebuild_parameter_with_state": _parameter,
        "torch.nn.parameter.Parameter": _parameter,
        "numpy.dtype": _numpy_dtype,
    }
    for place in ("numpy.core.multiarray", "numpy._core.multiarray"):
        made[f"{place}.scalar"] = _scalar
        made[f"{place}._reconstruct"] = lambda *args: _Array()
    found: dict[str, Any] = {name: _Function(name, call) for name, call in made.items()}
    found["numpy.ndarray"] = _Array()
    found["torch.storage.UntypedStorage"] = found["torch.UntypedStorage"] = StorageType(None)
    found |= {f"torch.{storage}": StorageType(name) for storage, name in DTYPE_OF.items()}
    names = [n for n in DTYPES if n != "bfloat16"]
    found |= {f"torch.{name}": as_dtype(name) for name in names}
    found["torch.bfloat16"] = as_dtype("bfloat16")
    return found


_OLD = {"__builtin__": "builtins", "copy_reg": "copyreg"}  # Python 2's names, which pickles of protocol 2 keep
MARK = object()
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_VALUES = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "BYTEARRAY8"),
}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def _no_machinery(x: Any) -> None:
    if isinstance(x, (_Function, _Array, _DType, StorageType, Storage)) or x is MARK:
        raise SerializationError("the file holds a name without the data that belongs to it")


class Reader:
    """Runs the pickle in `data`; `persistent(tuple)` gives the storage that a persistent id names.

    `budget` bounds the bytes and items that functions named in the file may copy.
    """

    def __init__(self, data: Any, persistent: Callable[[Any], Any], budget: int) -> None:
        self.data, self.persistent, self.left = data, persistent, 16 * budget + 10**6
        self.pending: dict[int, list[int]] = {}  # places in the memo of arrays whose state has not been read
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.globals = _table()

    def load(self) -> Any:
        """The object (the next one of a file); raises SerializationError for all that is malformed or not plain."""
        try:
            for op, arg, _ in pickletools.genops(self.data):
                if op.name == "STOP":
                    found = self.stack.pop()
                    check_nesting(found, _no_machinery)
                    return found
                self.step(op.name, arg)
            raise SerializationError("the pickle has no end")
        except SerializationError:
            raise
        except (IndexError, KeyError) as error:
            raise SerializationError(f"the pickle refers to a value that it does not hold ({error})") from error
        except (ValueError, TypeError, AttributeError, OverflowError, RecursionError, struct.error) as error:
            raise SerializationError(f"the pickle is malformed: {error}") from error

    # ---- operations --------------------------------------------------------------------------------------------------

    def _marked(self) -> list:
        """The values above the last mark, taken off the stack with it."""
        stack = self.stack
        for i in range(len(stack) - 1, -1, -1):
            if stack[i] is MARK:
                found = stack[i + 1 :]
                del stack[i:]
                return found
        raise SerializationError("the pickle is malformed: no mark")

    def step(self, name: str, arg: Any) -> None:
        """One operation."""
        stack = self.stack
        if name in _VALUES:
            stack.append(arg)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name == "MARK":
            stack.append(MARK)
        elif name in ("EMPTY_DICT", "EMPTY_LIST", "EMPTY_TUPLE", "EMPTY_SET"):
            stack.append({"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple, "EMPTY_SET": set}[name]())
        elif name in _TUPLES:
            n = _TUPLES[name]
            if len(stack) < n:
                raise IndexError("empty stack")
            parts = tuple(stack[-n:])
            del stack[-n:]
            stack.append(parts)
        elif name in ("TUPLE", "LIST", "FROZENSET"):
            make = {"TUPLE": tuple, "LIST": list, "FROZENSET": _sequence(frozenset)}[name]
            stack.append(make(self._marked()))
        elif name == "DICT":
            items = self._marked()
            stack.append({})
            self._set(items)
        elif name == "APPEND":
            item = stack.pop()
            self._extend([item])
        elif name in ("APPENDS", "ADDITEMS"):
            self._extend(self._marked())
        elif name == "SETITEM":
            value, key = stack.pop(), stack.pop()
            self._set([key, value])
        elif name == "SETITEMS":
            self._set(self._marked())
        elif name in ("BINPUT", "LONG_BINPUT", "PUT"):
            self._remember(int(arg))
        elif name == "MEMOIZE":
            self._remember(len(self.memo))
        elif name in ("BINGET", "LONG_BINGET", "GET"):
            stack.append(self.memo[int(arg)])
        elif name == "POP":
            stack.pop()
        elif name == "POP_MARK":
            self._marked()
        elif name == "DUP":
            stack.append(stack[-1])
        elif name in ("GLOBAL", "STACK_GLOBAL"):
            self._global(arg if name == "GLOBAL" else None)
        elif name in ("REDUCE", "NEWOBJ"):
            self._call()
        elif name == "BUILD":
            self._build()
        elif name == "BINPERSID":
            stack.append(self.persistent(stack.pop()))
        elif name not in ("PROTO", "FRAME"):
            raise SerializationError(f"the pickle uses the operation {name}, which plain data does not need")

    def _remember(self, place: int) -> None:
        top = self.memo[place] = self.stack[-1]
        if isinstance(top, _Array):
            self.pending.setdefault(id(top), []).append(place)

    def _spend(self, values: Any) -> None:
        """Take the size of what is about to be copied off the budget."""
        for x in values:
            if isinstance(x, Storage):
                self.left -= x.data.nbytes if isinstance(values[-1], (dict, dtype)) and values[-1] != {} else 0
            elif isinstance(x, (str, bytes, *CONTAINERS)):
                self.left -= len(x)
        if self.left < 0:
            raise SerializationError("the pickle copies far more than the file holds: it was made to harm")

    def _extend(self, items: list) -> None:
        target = self.stack[-1]
        if type(target) is list:
            target.extend(items)
        elif type(target) is set:
            target.update(_sequence(frozenset)(items))
        else:
            raise SerializationError(f"the pickle adds items to a {type(target).__name__}")

    def _set(self, items: list) -> None:
        target = self.stack[-1]
        if type(target) not in (dict, OrderedDict, Counter) or len(items) % 2:
            raise SerializationError(f"the pickle sets entries of a {type(target).__name__}")
        for i in range(0, len(items), 2):
            check_key(items[i])
            target[items[i]] = items[i + 1]

    def _global(self, arg: Any) -> None:
        if arg is None:
            name, module = self.stack.pop(), self.stack.pop()
        else:
            module, _, name = arg.partition(" ")
        full = f"{_OLD.get(module, module)}.{name}"
        if full not in self.globals:
            raise SerializationError(
                f"the file names {full}, which is not plain data: loading it could run code. If you trust whoever "
                f"wrote the file, pass allow_pickle=True; if it is yours, save model.state_dict(), not the model"
            )
        self.stack.append(self.globals[full])

    def _call(self) -> None:
        args, function = self.stack.pop(), self.stack.pop()
        if not isinstance(function, _Function) or not isinstance(args, tuple):
            raise SerializationError(f"the pickle calls a {type(function).__name__}")
        self._spend(args)
        self.stack.append(function.call(*args))

    def _build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if type(target) is OrderedDict and isinstance(state, dict):
            if isinstance(state.get("_metadata"), dict):
                target._metadata = state["_metadata"]  # type: ignore[attr-defined]  # versions, kept by state_dict()
        elif isinstance(target, _DType) and isinstance(state, tuple) and len(state) >= 2:
            if state[1] not in ("<", ">", "|", "="):
                raise SerializationError("a NumPy dtype has an unknown byte order")
            target.dtype = target.dtype.newbyteorder(state[1])
        elif isinstance(target, _Array) and isinstance(state, tuple) and len(state) == 5:
            self._spend(state)
            made = self.stack[-1] = _array_of(*state[1:])
            for place in self.pending.pop(id(target), ()):
                self.memo[place] = made
        else:
            raise SerializationError(f"the pickle sets the state of a {type(target).__name__}")


def _array_of(shape: Any, holder: Any, fortran: Any, data: Any) -> np.ndarray:
    kind = getattr(holder, "dtype", None)
    if not isinstance(kind, np.dtype) or not isinstance(data, bytes) or not isinstance(shape, tuple):
        raise SerializationError("a NumPy array has no dtype, shape or data")
    if kind.itemsize == 0 or len(data) % kind.itemsize:
        raise SerializationError("a NumPy array holds a part of an element")
    raw = bytearray(data)
    flat = np.frombuffer(raw, np.uint8) != 0 if kind.kind == "b" else np.frombuffer(raw, kind)
    strides = contiguous_strides(shape[::-1])[::-1] if fortran is True else contiguous_strides(shape)
    if len(shape) > 0 and any(type(n) is not int or n < 0 for n in shape):
        raise SerializationError("a NumPy array has an impossible shape")
    return np.array(view(flat, 0, shape, strides, "a NumPy array"))
