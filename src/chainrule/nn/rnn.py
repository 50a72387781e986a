"""Recurrent layers: RNN, LSTM, GRU over padded or packed sequences, and their cells."""

from __future__ import annotations

import math
from typing import Any

from ..core.errors import ArgumentError, ShapeError
from ..core.value import raw_dtype, raw_shape
from ..ops.recurrence import lstm_p
from . import functional as F  # noqa: N812
from . import init
from .factory import empty
from .module import Module
from .parameter import Parameter
from .utils.rnn import PackedSequence


def _zeros(like: Any, *shape: int) -> Any:
    from .factory import full

    return full(0.0, *shape, dtype=raw_dtype(like))


# ---- one time step ---------------------------------------------------------------------------------------------------


def rnn_step(gates: Any, h: Any, w: Any, b: Any, activation: Any) -> Any:
    """h' = act(W x + b + W_h h + b_h), with the input's part in `gates`."""
    return activation(gates + F.linear(h, w, b))


def lstm_step(gates: Any, h: Any, c: Any, w: Any, b: Any, w_proj: Any = None) -> tuple[Any, Any]:
    """One step of an LSTM: gates in the order input, forget, cell, output (Hochreiter and Schmidhuber 1997)."""
    i, f, g, o = (gates + F.linear(h, w, b)).chunk(4, -1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    h = o.sigmoid() * c.tanh()
    return (h if w_proj is None else F.linear(h, w_proj)), c


def gru_step(gates: Any, h: Any, w: Any, b: Any) -> Any:
    """One step of a GRU: gates in the order reset, update, new (Cho et al. 2014)."""
    i_r, i_z, i_n = gates.chunk(3, -1)
    h_r, h_z, h_n = F.linear(h, w, b).chunk(3, -1)
    r, z = (i_r + h_r).sigmoid(), (i_z + h_z).sigmoid()
    n = (i_n + r * h_n).tanh()
    return n + z * (h - n)


# ---- cells -----------------------------------------------------------------------------------------------------------


class RNNCellBase(Module):
    """Parameters weight_ih, weight_hh, bias_ih, bias_hh of one step.

    Base of RNNCell, LSTMCell and GRUCell.

    >>> import chainrule as cr
    >>> {name: tuple(p.shape) for name, p in cr.nn.RNNCell(3, 4).named_parameters()}
    {'weight_ih': (4, 3), 'weight_hh': (4, 4), 'bias_ih': (4,), 'bias_hh': (4,)}
    """

    chunks = 1

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        rows = self.chunks * hidden_size
        self.weight_ih = Parameter(empty(rows, input_size, dtype=dtype))
        self.weight_hh = Parameter(empty(rows, hidden_size, dtype=dtype))
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, Parameter(empty(rows, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Uniform values in +-1 / sqrt(hidden_size)."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for p in self.parameters():
            init.uniform_(p, -bound, bound)

    def _enter(self, input: Any) -> tuple[Any, bool]:
        shape = raw_shape(input)
        if len(shape) not in (1, 2):
            raise ShapeError(f"{type(self).__name__}: Expected input to be 1D or 2D, got {len(shape)}D instead")
        if shape[-1] != self.input_size:
            raise ShapeError(f"input has inconsistent input_size: got {shape[-1]} expected {self.input_size}")
        return (input, True) if len(shape) == 2 else (input.unsqueeze(0), False)

    def _gates(self, x: Any) -> Any:
        return F.linear(x, self.weight_ih, self.bias_ih)

    def _hidden(self, x: Any, h: Any, batched: bool) -> Any:
        if h is None:
            return _zeros(x, raw_shape(x)[0], self.hidden_size)
        h = h if batched or len(raw_shape(h)) != 1 else h.unsqueeze(0)
        if raw_shape(h) != (raw_shape(x)[0], self.hidden_size):
            raise ShapeError(
                f"{type(self).__name__}: Expected hidden state of shape {(raw_shape(x)[0], self.hidden_size)} (batch "
                f"size, hidden_size), got {raw_shape(h)}"
            )
        return h

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}" + (", bias=False" if not self.bias else "")
        kind = getattr(self, "nonlinearity", "tanh")
        return text if kind == "tanh" else text + f", nonlinearity={kind}"


class RNNCell(RNNCellBase):
    """h' = tanh(W x + b + W_h h + b_h), or relu.

    x (N, input_size) and h (N, hidden_size), or without N; floating dtypes.

    >>> import chainrule as cr
    >>> cr.nn.RNNCell(3, 4)(cr.ones(2, 3)).shape
    torch.Size([2, 4])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Any, hx: Any = None) -> Any:
        x, batched = self._enter(input)
        activation = {"tanh": F.tanh, "relu": F.relu}.get(self.nonlinearity)
        if activation is None:
            raise ArgumentError(f"Unknown nonlinearity: {self.nonlinearity}")
        h = rnn_step(self._gates(x), self._hidden(x, hx, batched), self.weight_hh, self.bias_hh, activation)
        return h if batched else h.squeeze(0)


class LSTMCell(RNNCellBase):
    """One step of an LSTM: (h, c) from x and (h, c).

    x (N, input_size), h and c (N, hidden_size), or without N; floating dtypes.

    >>> import chainrule as cr
    >>> h, c = cr.nn.LSTMCell(3, 4)(cr.ones(2, 3))
    >>> h.shape, c.shape
    (torch.Size([2, 4]), torch.Size([2, 4]))
    """

    chunks = 4

    def forward(self, input: Any, hx: Any = None) -> Any:
        x, batched = self._enter(input)
        h, c = (self._hidden(x, s, batched) for s in ((None, None) if hx is None else hx))
        h, c = lstm_step(self._gates(x), h, c, self.weight_hh, self.bias_hh)
        return (h, c) if batched else (h.squeeze(0), c.squeeze(0))


class GRUCell(RNNCellBase):
    """One step of a GRU: h from x and h.

    x (N, input_size) and h (N, hidden_size), or without N; floating dtypes.

    >>> import chainrule as cr
    >>> cr.nn.GRUCell(3, 4)(cr.ones(2, 3)).shape
    torch.Size([2, 4])
    """

    chunks = 3

    def forward(self, input: Any, hx: Any = None) -> Any:
        x, batched = self._enter(input)
        h = gru_step(self._gates(x), self._hidden(x, hx, batched), self.weight_hh, self.bias_hh)
        return h if batched else h.squeeze(0)


# ---- layers ----------------------------------------------------------------------------------------------------------


class RNNBase(Module):
    """Stacked, possibly bidirectional recurrent layers with PyTorch's parameter names.

    Base of RNN, LSTM and GRU; parameters weight_ih_l0, weight_hh_l0, bias_ih_l0 ..., shapes as theirs.

    >>> import chainrule as cr
    >>> [name for name, _ in cr.nn.RNN(3, 4).named_parameters()]
    ['weight_ih_l0', 'weight_hh_l0', 'bias_ih_l0', 'bias_hh_l0']
    """

    chunks = 1
    mode = "RNN"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if hidden_size <= 0:
            raise ArgumentError("hidden_size must be greater than zero")
        if num_layers <= 0:
            raise ArgumentError("num_layers must be greater than zero")
        if not 0 <= dropout <= 1:
            raise ArgumentError(
                "dropout should be a number in range [0, 1] representing the probability of an element being zeroed"
            )
        if proj_size and self.mode != "LSTM":
            raise ArgumentError("proj_size argument is only supported for LSTM, not RNN or GRU")
        if proj_size < 0 or (proj_size and proj_size >= hidden_size):
            raise ArgumentError("proj_size has to be a positive integer, smaller than hidden_size, or zero")
        self.input_size, self.hidden_size, self.num_layers, self.bias = input_size, hidden_size, num_layers, bias
        self.batch_first, self.dropout, self.bidirectional, self.proj_size = (
            batch_first,
            float(dropout),
            bidirectional,
            proj_size,
        )
        out = proj_size or hidden_size
        directions = 2 if bidirectional else 1
        for layer in range(num_layers):
            for suffix in self._suffixes(layer):
                size = input_size if layer == 0 else out * directions
                rows = self.chunks * hidden_size
                setattr(self, f"weight_ih_{suffix}", Parameter(empty(rows, size, dtype=dtype)))
                setattr(self, f"weight_hh_{suffix}", Parameter(empty(rows, out, dtype=dtype)))
                if bias:
                    setattr(self, f"bias_ih_{suffix}", Parameter(empty(rows, dtype=dtype)))
                    setattr(self, f"bias_hh_{suffix}", Parameter(empty(rows, dtype=dtype)))
                if proj_size:
                    setattr(self, f"weight_hr_{suffix}", Parameter(empty(proj_size, hidden_size, dtype=dtype)))
        self.reset_parameters()

    def _suffixes(self, layer: int) -> list[str]:
        return [f"l{layer}", f"l{layer}_reverse"] if self.bidirectional else [f"l{layer}"]

    def reset_parameters(self) -> None:
        """Uniform values in +-1 / sqrt(hidden_size)."""
        bound = 1.0 / math.sqrt(self.hidden_size)
        for p in self.parameters():
            init.uniform_(p, -bound, bound)

    def flatten_parameters(self) -> None:
        """Nothing to do here; PyTorch's programs call it."""

    @property
    def _flat_weights_names(self) -> list[str]:
        """Names of the parameters, layer by layer; programs that initialise an RNN's weights read them."""
        return list(self._parameters)

    @property
    def _flat_weights(self) -> list[Any]:
        """Parameters in the order of `_flat_weights_names`."""
        return list(self._parameters.values())

    @property
    def all_weights(self) -> list[list[Any]]:
        """Parameters per layer and direction."""
        return [
            [p for name, p in self._parameters.items() if name.endswith(f"_{s}")]
            for layer in range(self.num_layers)
            for s in self._suffixes(layer)
        ]

    def _step(self, suffix: str, gates: Any, state: tuple) -> tuple:
        raise NotImplementedError  # abstract: one step of the layer

    def _states(self) -> int:
        return 1

    def _initial(self, x: Any, batch: int, hx: Any) -> tuple:
        directions = 2 if self.bidirectional else 1
        n, out = self.num_layers * directions, self.proj_size or self.hidden_size
        sizes = (out, self.hidden_size)[: self._states()]
        if hx is None:
            return tuple(_zeros(x, n, batch, s) for s in sizes)
        given = hx if isinstance(hx, tuple) else (hx,)
        for state, size in zip(given, sizes, strict=True):
            if raw_shape(state) != (n, batch, size):
                raise ShapeError(f"Expected hidden size {(n, batch, size)}, got {list(raw_shape(state))}")
        return given

    def _run(self, x: Any, suffix: str, state: tuple, reverse: bool, lengths: list[int] | None) -> tuple[Any, tuple]:
        """One direction of one layer over x (time, batch, features)."""
        gates = F.linear(
            x, getattr(self, f"weight_ih_{suffix}"), getattr(self, f"bias_ih_{suffix}") if self.bias else None
        )
        steps = raw_shape(x)[0]
        per_step = gates.unbind(0)
        outputs: list[Any] = [None] * steps
        for t in reversed(range(steps)) if reverse else range(steps):
            new = self._step(suffix, per_step[t], state)
            if lengths is not None and min(lengths) <= t:
                alive = _mask([t < n for n in lengths], x)
                new = tuple(s + alive * (n - s) for n, s in zip(new, state, strict=True))
                outputs[t] = new[0] * alive
            else:
                outputs[t] = new[0]
            state = new
        return _stack(outputs), state

    def forward(self, input: Any, hx: Any = None) -> Any:
        hx = tuple(hx) if isinstance(hx, list) else hx  # states detached in a comprehension
        packed = isinstance(input, PackedSequence)
        lengths: list[int] | None = None
        if packed:
            from .utils.rnn import pad_packed_sequence

            x, given = pad_packed_sequence(PackedSequence(input.data, input.batch_sizes))
            lengths = [int(n) for n in given.tolist()]
            if hx is not None and input.sorted_indices is not None:
                hx = self._reorder(hx, input.sorted_indices)
            batched = True
        else:
            dims = len(raw_shape(input))
            if dims not in (2, 3):
                raise ShapeError(f"{self.mode}: Expected input to be 2D or 3D, got {dims}D instead")
            batched = dims == 3
            x = input if batched else input.unsqueeze(1)
            if batched and self.batch_first:
                x = x.transpose(0, 1)
            if not batched and hx is not None:
                hx = tuple(s.unsqueeze(1) for s in hx) if isinstance(hx, tuple) else hx.unsqueeze(1)
        if not raw_shape(x)[0]:
            raise ShapeError("Expected sequence length to be larger than 0 in RNN")
        if raw_shape(x)[-1] != self.input_size:
            raise ShapeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {raw_shape(x)[-1]}"
            )
        first = self._initial(x, raw_shape(x)[1], hx)
        finals: list[tuple] = []
        for layer in range(self.num_layers):
            outputs = []
            for d, suffix in enumerate(self._suffixes(layer)):
                k = layer * (2 if self.bidirectional else 1) + d
                out, last = self._run(x, suffix, tuple(s[k] for s in first), d == 1, lengths)
                outputs.append(out)
                finals.append(last)
            x = outputs[0] if len(outputs) == 1 else _cat(outputs, -1)
            if self.dropout and self.training and layer < self.num_layers - 1:
                x = F.dropout(x, self.dropout, True)
        states = tuple(_stack([f[i] for f in finals]) for i in range(self._states()))
        if packed:
            from .utils.rnn import pack_padded_sequence

            packed_out = pack_padded_sequence(x, lengths, enforce_sorted=True)
            x = PackedSequence(packed_out.data, input.batch_sizes, input.sorted_indices, input.unsorted_indices)
            if input.unsorted_indices is not None:
                states = self._reorder(states, input.unsorted_indices)
        elif not batched:
            x, states = x.squeeze(1), tuple(s.squeeze(1) for s in states)
        elif self.batch_first:
            x = x.transpose(0, 1)
        return x, (states if self._states() == 2 else states[0])

    def _reorder(self, hx: Any, order: Any) -> tuple:
        return tuple(s.index_select(1, order) for s in (hx if isinstance(hx, tuple) else (hx,)))

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        for name, default in (
            ("proj_size", 0),
            ("num_layers", 1),
            ("bias", True),
            ("batch_first", False),
            ("dropout", 0.0),
        ):
            if getattr(self, name) != default:
                text += f", {name}={getattr(self, name)}"
        return text + (", bidirectional=True" if self.bidirectional else "")

    def _hidden_weights(self, suffix: str) -> tuple[Any, Any]:
        return getattr(self, f"weight_hh_{suffix}"), getattr(self, f"bias_hh_{suffix}") if self.bias else None


def _stack(values: list[Any]) -> Any:
    from ..ops.joining import stack

    return stack(values)


def _cat(values: list[Any], dim: int) -> Any:
    from ..ops.joining import cat

    return cat(values, dim)


def _mask(alive: list[bool], like: Any) -> Any:
    import numpy as np

    from ..core.value import wrap

    return wrap(np.array(alive, raw_dtype(like))[:, None])


class RNN(RNNBase):
    """h_t = tanh(W x_t + b + W_h h_{t-1} + b_h) (or relu), over time, in layers.

    Input (L, N, in), or (N, L, in) with batch_first=True; outputs (L, N, out), h_n (layers, N, out).

    >>> import chainrule as cr
    >>> outputs, h_n = cr.nn.RNN(3, 4, bidirectional=True)(cr.ones(5, 1, 3))
    >>> outputs.shape, h_n.shape
    (torch.Size([5, 1, 8]), torch.Size([2, 1, 4]))
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self_nonlinearity = kwargs.pop("nonlinearity", "tanh")
        if len(args) > 3 and isinstance(args[3], str):
            self_nonlinearity = args[3]
            args = (*args[:3], *args[4:])
        if self_nonlinearity not in ("tanh", "relu"):
            raise ArgumentError(f"Unknown nonlinearity '{self_nonlinearity}'. Select from 'tanh' or 'relu'.")
        super().__init__(*args, **kwargs)
        self.nonlinearity = self_nonlinearity
        self._activation = F.tanh if self_nonlinearity == "tanh" else F.relu

    def _step(self, suffix: str, gates: Any, state: tuple) -> tuple:
        return (rnn_step(gates, state[0], *self._hidden_weights(suffix), self._activation),)


class LSTM(RNNBase):
    """Long short-term memory over time, in layers; returns (outputs, (h_n, c_n)).

    Input (L, N, in), or (N, L, in) with batch_first=True; outputs (L, N, out), states (layers, N, out). Hochreiter
    and Schmidhuber 1997.

    >>> import chainrule as cr
    >>> outputs, (h_n, c_n) = cr.nn.LSTM(3, 4)(cr.ones(5, 1, 3))
    >>> outputs.shape, h_n.shape, c_n.shape
    (torch.Size([5, 1, 4]), torch.Size([1, 1, 4]), torch.Size([1, 1, 4]))
    """

    chunks = 4
    mode = "LSTM"

    def _states(self) -> int:
        return 2

    def _run(self, x: Any, suffix: str, state: tuple, reverse: bool, lengths: list[int] | None) -> tuple[Any, tuple]:
        if lengths is not None or self.proj_size or not raw_shape(x)[0]:
            return super()._run(x, suffix, state, reverse, lengths)
        w, b = self._hidden_weights(suffix)
        b = None if b is None else getattr(self, f"bias_ih_{suffix}") + b
        gates = F.linear(x, getattr(self, f"weight_ih_{suffix}"), b)
        hs, cs, _ = lstm_p(gates.flip(0) if reverse else gates, *state, w)
        return hs.flip(0) if reverse else hs, (hs[-1], cs[-1])

    def _step(self, suffix: str, gates: Any, state: tuple) -> tuple:
        w_proj = getattr(self, f"weight_hr_{suffix}") if self.proj_size else None
        return lstm_step(gates, *state, *self._hidden_weights(suffix), w_proj)


class GRU(RNNBase):
    """Gated recurrent units over time, in layers; returns (outputs, h_n).

    Input (L, N, in), or (N, L, in) with batch_first=True; outputs (L, N, out), h_n (layers, N, out). Cho et al. 2014.

    >>> import chainrule as cr
    >>> outputs, h_n = cr.nn.GRU(3, 4, num_layers=2)(cr.ones(5, 1, 3))
    >>> outputs.shape, h_n.shape
    (torch.Size([5, 1, 4]), torch.Size([2, 1, 4]))
    """

    chunks = 3
    mode = "GRU"

    def _step(self, suffix: str, gates: Any, state: tuple) -> tuple:
        return (gru_step(gates, state[0], *self._hidden_weights(suffix)),)
