"""Activations as modules."""

from __future__ import annotations

from typing import Any, ClassVar

from . import functional as F  # noqa: N812
from . import init
from .factory import empty, full
from .module import Module
from .parameter import Parameter


class _Simple(Module):
    """An activation with settings: the names in `settings` are constructor arguments with these defaults."""

    settings: ClassVar[dict[str, Any]] = {}
    shown: tuple[str, ...] | None = None  # settings that the repr shows; None: all

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        names = list(self.settings)
        if len(args) > len(names):
            raise TypeError(f"{type(self).__name__} takes at most {len(names)} arguments, got {len(args)}")
        given = dict(zip(names, args, strict=False))
        for name, value in kwargs.items():
            if name not in self.settings or name in given:
                raise TypeError(f"{type(self).__name__} got an unexpected keyword argument {name!r}")
            given[name] = value
        for name, default in self.settings.items():
            setattr(self, name, given.get(name, default))

    def extra_repr(self) -> str:
        names = self.settings if self.shown is None else self.shown
        parts = [f"{n}={getattr(self, n)!r}" for n in names if n != "inplace"]
        return ", ".join(parts + ["inplace=True"] * bool(getattr(self, "inplace", False)))


class Threshold(_Simple):
    """x where x > threshold, else value.

    Input of any shape and a real dtype; the output has both.

    >>> import chainrule as cr
    >>> cr.nn.Threshold(0.5, 9.0)(cr.tensor([-1.0, 2.0]))
    tensor([9., 2.])
    """

    settings: ClassVar[dict[str, Any]] = {"threshold": 0.0, "value": 0.0, "inplace": False}

    def forward(self, input: Any) -> Any:
        return F.threshold(input, self.threshold, self.value, self.inplace)


class ReLU(_Simple):
    """max(x, 0).

    Input of any shape and a real dtype; the output has both.

    >>> import chainrule as cr
    >>> cr.nn.ReLU()(cr.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    settings: ClassVar[dict[str, Any]] = {"inplace": False}

    def forward(self, input: Any) -> Any:
        return F.relu(input, inplace=True) if self.inplace else F.relu(input)


class ReLU6(_Simple):
    """min(max(x, 0), 6).

    Input of any shape and a real dtype; the output has both.

    >>> import chainrule as cr
    >>> cr.nn.ReLU6()(cr.tensor([-1.0, 8.0]))
    tensor([0., 6.])
    """

    settings: ClassVar[dict[str, Any]] = {"inplace": False}

    def forward(self, input: Any) -> Any:
        return F.relu6(input, self.inplace)


class RReLU(_Simple):
    """Leaky ReLU whose slope is random in [lower, upper] while training.

    Input of any shape and a floating dtype; the output has both.

    >>> import chainrule as cr
    >>> cr.nn.RReLU(0.25, 0.75).eval()(cr.tensor([-4.0, 1.0]))
    tensor([-2.,  1.])
    """

    settings: ClassVar[dict[str, Any]] = {"lower": 1.0 / 8, "upper": 1.0 / 3, "inplace": False}

    def forward(self, input: Any) -> Any:
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)


class Hardtanh(_Simple):
    """x clamped to [min_val, max_val].

    Input of any shape; the output has its shape and dtype.

    >>> import chainrule as cr
    >>> cr.nn.Hardtanh()(cr.tensor([-3.0, 0.5]))
    tensor([-1.0000,  0.5000])
    """

    settings: ClassVar[dict[str, Any]] = {"min_val": -1.0, "max_val": 1.0, "inplace": False}

    def forward(self, input: Any) -> Any:
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)


class Sigmoid(_Simple):
    """1 / (1 + exp(-x)).

    Input of any shape and a floating dtype; the output has both.

    >>> import chainrule as cr
    >>> cr.nn.Sigmoid()(cr.tensor([0.0, 2.0]))
    tensor([0.5000, 0.8808])
    """

    def forward(self, input: Any) -> Any:
        return input.sigmoid()


class Hardsigmoid(_Simple):
    """clamp(x / 6 + 1/2, 0, 1).

    Input of any shape and a floating dtype; the output has both.

    >>> import chainrule as cr
    >>> cr.nn.Hardsigmoid()(cr.tensor([-4.0, 0.0, 1.5]))
    tensor([0.0000, 0.5000, 0.7500])
    """

    settings: ClassVar[dict[str, Any]] = {"inplace": False}

    def forward(self, input: Any) -> Any:
        return F.hardsigmoid(input, self.inplace)


class Tanh(_Simple):
    """Hyperbolic tangent.

    Input of any shape and a floating dtype; the output has both.

    >>> import chainrule as cr
    >>> cr.nn.Tanh()(cr.tensor([0.0, 1.0]))
    tensor([0.0000, 0.7616])
    """

    def forward(self, input: Any) -> Any:
        return input.tanh()


class SiLU(_Simple):
    """x sigmoid(x).

    Input of any shape and a floating dtype; the output has both.

    >>> import chainrule as cr
    >>> cr.nn.SiLU()(cr.tensor([0.0, 1.0]))
    tensor([0.0000, 0.7311])
    """

    settings: ClassVar[dict[str, Any]] = {"inplace": False}

    def forward(self, input: Any) -> Any:
        return F.silu(input, inplace=self.inplace)


class Mish(_Simple):
    """x tanh(softplus(x)).

    Input of any shape and a floating dtype; the output has both.

    >>> import chainrule as cr
    >>> cr.nn.Mish()(cr.tensor([0.0, 1.0]))
    tensor([0.0000, 0.8651])
    """

    settings: ClassVar[dict[str, Any]] = {"inplace": False}

    def forward(self, input: Any) -> Any:
        return F.mish(input, inplace=self.inplace)


class Hardswish(_Simple):
    """x hardsigmoid(x).

    Input of any shape and a floating dtype; the output has both.

    >>> import chainrule as cr
    >>> cr.nn.Hardswish()(cr.tensor([-4.0, 1.0]))
    tensor([-0.0000, 0.6667])
    """

    settings: ClassVar[dict[str, Any]] = {"inplace": False}

    def forward(self, input: Any) -> Any:
        return F.hardswish(input, self.inplace)


class ELU(_Simple):
    """x where positive, else alpha (exp(x) - 1).

    Input of any shape and a floating dtype; the output has both.

    >>> import chainrule as cr
    >>> cr.nn.ELU()(cr.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    """

    settings: ClassVar[dict[str, Any]] = {"alpha": 1.0, "inplace": False}

    def forward(self, input: Any) -> Any:
        return F.elu(input, self.alpha, self.inplace)


class CELU(_Simple):
    """max(x, 0) + min(0, alpha (exp(x / alpha) - 1)).

    Input of any shape and a floating dtype; the output has both.

    >>> import chainrule as cr
    >>> cr.nn.CELU()(cr.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    """

    settings: ClassVar[dict[str, Any]] = {"alpha": 1.0, "inplace": False}

    def forward(self, input: Any) -> Any:
        return F.celu(input, self.alpha, self.inplace)


class SELU(_Simple):
    """Self-normalising ELU.

    Input of any shape and a floating dtype; the output has both.

    >>> import chainrule as cr
    >>> cr.nn.SELU()(cr.tensor([-1.0, 1.0]))
    tensor([-1.1113,  1.0507])
    """

    settings: ClassVar[dict[str, Any]] = {"inplace": False}

    def forward(self, input: Any) -> Any:
        return F.selu(input, self.inplace)


class GLU(_Simple):
    """First half times sigmoid of the second half, along dim.

    The size of `dim` must be even and is halved; floating dtypes.

    >>> import chainrule as cr
    >>> cr.nn.GLU()(cr.tensor([1.0, 2.0, 0.0, 100.0]))
    tensor([0.5000, 2.0000])
    """

    settings: ClassVar[dict[str, Any]] = {"dim": -1}

    def forward(self, input: Any) -> Any:
        return F.glu(input, self.dim)


class GELU(_Simple):
    """x times the normal distribution function of x.

    Input of any shape and a floating dtype; the output has both.

    >>> import chainrule as cr
    >>> cr.nn.GELU()(cr.tensor([0.0, 1.0]))
    tensor([0.0000, 0.8413])
    """

    settings: ClassVar[dict[str, Any]] = {"approximate": "none"}

    def forward(self, input: Any) -> Any:
        return F.gelu(input, approximate=self.approximate)


class Hardshrink(_Simple):
    """x where |x| > lambd, else 0.

    Input of any shape and a floating dtype; the output has both.

    >>> import chainrule as cr
    >>> cr.nn.Hardshrink()(cr.tensor([-1.0, 0.2]))
    tensor([-1.,  0.])
    """

    settings: ClassVar[dict[str, Any]] = {"lambd": 0.5}

    def extra_repr(self) -> str:
        return str(self.lambd)

    def forward(self, input: Any) -> Any:
        return F.hardshrink(input, self.lambd)


class Softshrink(_Simple):
    """x moved by lambd towards 0.

    Input of any shape and a floating dtype; the output has both.

    >>> import chainrule as cr
    >>> cr.nn.Softshrink()(cr.tensor([-1.0, 0.2, 1.0]))
    tensor([-0.5000,  0.0000,  0.5000])
    """

    settings: ClassVar[dict[str, Any]] = {"lambd": 0.5}

    def extra_repr(self) -> str:
        return str(self.lambd)

    def forward(self, input: Any) -> Any:
        return F.softshrink(input, self.lambd)


class Tanhshrink(_Simple):
    """x - tanh(x).

    Input of any shape and a floating dtype; the output has both.

    >>> import chainrule as cr
    >>> cr.nn.Tanhshrink()(cr.tensor([0.0, 1.0]))
    tensor([0.0000, 0.2384])
    """

    def forward(self, input: Any) -> Any:
        return F.tanhshrink(input)


class LeakyReLU(_Simple):
    """x where positive, else negative_slope x.

    Input of any shape and a floating dtype; the output has both.

    >>> import chainrule as cr
    >>> cr.nn.LeakyReLU(0.1)(cr.tensor([-1.0, 2.0]))
    tensor([-0.1000,  2.0000])
    """

    settings: ClassVar[dict[str, Any]] = {"negative_slope": 0.01, "inplace": False}

    def forward(self, input: Any) -> Any:
        return F.leaky_relu(input, self.negative_slope, self.inplace)


class LogSigmoid(_Simple):
    """log sigmoid(x).

    Input of any shape and a floating dtype; the output has both.

    >>> import chainrule as cr
    >>> cr.nn.LogSigmoid()(cr.tensor([0.0, 2.0]))
    tensor([-0.6931, -0.1269])
    """

    def forward(self, input: Any) -> Any:
        return F.logsigmoid(input)


class Softplus(_Simple):
    """log(1 + exp(beta x)) / beta, linear above threshold.

    Input of any shape and a floating dtype; the output has both.

    >>> import chainrule as cr
    >>> cr.nn.Softplus()(cr.tensor([0.0, 30.0]))
    tensor([ 0.6931, 30.0000])
    """

    settings: ClassVar[dict[str, Any]] = {"beta": 1.0, "threshold": 20.0}

    def forward(self, input: Any) -> Any:
        return F.softplus(input, self.beta, self.threshold)


class Softsign(_Simple):
    """x / (1 + |x|).

    Input of any shape and a floating dtype; the output has both.

    >>> import chainrule as cr
    >>> cr.nn.Softsign()(cr.tensor([-1.0, 3.0]))
    tensor([-0.5000,  0.7500])
    """

    def forward(self, input: Any) -> Any:
        return F.softsign(input)


class Softmin(_Simple):
    """softmax(-x) along dim.

    Input of any shape and a floating dtype; the output has both.

    >>> import chainrule as cr
    >>> cr.nn.Softmin(dim=0)(cr.tensor([0.0, 0.0]))
    tensor([0.5000, 0.5000])
    """

    settings: ClassVar[dict[str, Any]] = {"dim": None}

    def forward(self, input: Any) -> Any:
        return F.softmin(input, self.dim)


class Softmax(_Simple):
    """exp(x) / sum exp(x) along dim.

    Input of any shape and a floating dtype; the output has both.

    >>> import chainrule as cr
    >>> cr.nn.Softmax(dim=0)(cr.tensor([0.0, 0.0]))
    tensor([0.5000, 0.5000])
    """

    settings: ClassVar[dict[str, Any]] = {"dim": None}

    def forward(self, input: Any) -> Any:
        return F.softmax(input, self.dim)


class Softmax2d(_Simple):
    """softmax over the channels.

    Input (N, C, H, W) or (C, H, W) of a floating dtype; the output has its shape.

    >>> import chainrule as cr
    >>> cr.nn.Softmax2d()(cr.zeros(2, 1, 1)).flatten()
    tensor([0.5000, 0.5000])
    """

    def forward(self, input: Any) -> Any:
        return F.softmax(input, -3)


class LogSoftmax(_Simple):
    """log softmax along dim.

    Input of any shape and a floating dtype; the output has both.

    >>> import chainrule as cr
    >>> cr.nn.LogSoftmax(dim=0)(cr.tensor([0.0, 0.0]))
    tensor([-0.6931, -0.6931])
    """

    settings: ClassVar[dict[str, Any]] = {"dim": None}

    def forward(self, input: Any) -> Any:
        return F.log_softmax(input, self.dim)


class PReLU(Module):
    """Leaky ReLU with a learned slope, one or one per channel.

    Input (N, C, ...) of a floating dtype; the output has its shape.

    >>> import chainrule as cr
    >>> cr.nn.PReLU()(cr.tensor([-1.0, 2.0])).tolist()
    [-0.25, 2.0]
    """

    def __init__(self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        self.num_parameters, self.init = num_parameters, init
        self.weight = Parameter(full(init, num_parameters, dtype=dtype))

    def reset_parameters(self) -> None:
        """The slope that the module began with."""
        init.constant_(self.weight, self.init)

    def forward(self, input: Any) -> Any:
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class MultiheadAttention(Module):
    """Attention with several heads: softmax(Q K^T / sqrt(d)) V in each (Vaswani et al. 2017).

    Query (L, N, E), key and value (S, N, E), or (N, L, E) with batch_first=True; returns (output, weights).

    >>> import chainrule as cr
    >>> attend = cr.nn.MultiheadAttention(4, num_heads=2, batch_first=True)
    >>> x = cr.ones(1, 3, 4)
    >>> output, weights = attend(x, x, x)
    >>> output.shape, weights.shape
    (torch.Size([1, 3, 4]), torch.Size([1, 3, 3]))
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        from .linear import NonDynamicallyQuantizableLinear

        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and num_heads={num_heads}"
            )
        if embed_dim % num_heads:
            raise AssertionError("embed_dim must be divisible by num_heads")
        self.embed_dim, self.num_heads, self.dropout, self.batch_first = embed_dim, num_heads, dropout, batch_first
        self.kdim, self.vdim = kdim or embed_dim, vdim or embed_dim
        self.head_dim, self.add_zero_attn = embed_dim // num_heads, add_zero_attn
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        if self._qkv_same_embed_dim:
            self.in_proj_weight = Parameter(empty(3 * embed_dim, embed_dim, dtype=dtype))
            for name in ("q_proj_weight", "k_proj_weight", "v_proj_weight"):
                self.register_parameter(name, None)
        else:
            self.q_proj_weight = Parameter(empty(embed_dim, embed_dim, dtype=dtype))
            self.k_proj_weight = Parameter(empty(embed_dim, self.kdim, dtype=dtype))
            self.v_proj_weight = Parameter(empty(embed_dim, self.vdim, dtype=dtype))
            self.register_parameter("in_proj_weight", None)
        if bias:
            self.in_proj_bias = Parameter(empty(3 * embed_dim, dtype=dtype))
        else:
            self.register_parameter("in_proj_bias", None)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, dtype=dtype)
        if add_bias_kv:
            self.bias_k = Parameter(empty(1, 1, embed_dim, dtype=dtype))
            self.bias_v = Parameter(empty(1, 1, embed_dim, dtype=dtype))
        else:
            self.bias_k = self.bias_v = None
        for name in ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight"):
            if getattr(self, name) is not None:
                init.xavier_uniform_(getattr(self, name))
        if bias:
            init.zeros_(self.out_proj.bias)
        for b in (self.bias_k, self.bias_v):
            if b is not None:
                init.xavier_normal_(b)

    def forward(
        self,
        query: Any,
        key: Any,
        value: Any,
        key_padding_mask: Any = None,
        need_weights: bool = True,
        attn_mask: Any = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> Any:
        """(output, weights or None); inputs are (length, batch, channels), or (batch, length, ...) if batch_first."""
        swap = self.batch_first and query.dim() == 3
        if swap:
            query, key, value = (x.transpose(1, 0) for x in (query, key, value))
        separate = {} if self._qkv_same_embed_dim else {"use_separate_proj_weight": True}
        for name in ("q_proj_weight", "k_proj_weight", "v_proj_weight") if separate else ():
            separate[name] = getattr(self, name)
        output, weights = F.multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            training=self.training,
            key_padding_mask=key_padding_mask,
            need_weights=need_weights,
            attn_mask=attn_mask,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
            **separate,
        )
        return (output.transpose(1, 0) if swap else output), weights
