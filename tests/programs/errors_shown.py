"""The error messages that tutorials show, by class and by their first words."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


def attempt(name, function, words, kind=RuntimeError):
    try:
        function()
    except Exception as error:
        print(name, isinstance(error, kind), all(w.lower() in str(error).lower() for w in words) or str(error))
    else:
        print(name, "no error")


def twice():
    x = torch.ones(2, requires_grad=True)
    y = (x * x).sum()
    y.backward()
    y.backward()


def leaf():
    x = torch.ones(2, requires_grad=True)
    x += 1


def to_numpy():
    torch.ones(2, requires_grad=True).numpy()


def missing():
    nn.Linear(2, 1).load_state_dict({"weight": torch.ones(1, 2)})


def wrong_size():
    nn.Linear(2, 1).load_state_dict({"weight": torch.ones(1, 3), "bias": torch.ones(1)})


attempt("matmul", lambda: torch.ones(2, 3) @ torch.ones(2, 3), ["mat1 and mat2 shapes cannot be multiplied", "2x3"])
attempt(
    "linear", lambda: nn.Linear(4, 2)(torch.ones(3, 5)), ["mat1 and mat2 shapes cannot be multiplied (3x5 and 4x2)"]
)
attempt("broadcast", lambda: torch.ones(3) + torch.ones(4), ["must match the size of tensor b (4)"])
attempt("twice", twice, ["backward through the graph a second time"])
attempt("leaf", leaf, ["a leaf variable that requires grad", "in-place operation"])
attempt(
    "scalar", lambda: torch.ones(2, requires_grad=True).backward(), ["grad can be implicitly created only for scalar"]
)
attempt("no grad", lambda: torch.ones(1).backward(), ["does not require grad and does not have a grad_fn"])
attempt("numpy", to_numpy, ["Can't call numpy() on Tensor that requires grad", "detach()"])
attempt("item", lambda: torch.ones(2).item(), ["cannot be converted to Scalar"])
attempt("bool", lambda: bool(torch.ones(2)), ["Boolean value of Tensor with more than one value is ambiguous"])
attempt("view", lambda: torch.ones(2, 3).t().view(6), ["view size is not compatible", "reshape"])
attempt("reshape", lambda: torch.ones(6).reshape(4, 2), ["shape '[4, 2]' is invalid for input of size 6"])
attempt("index", lambda: torch.ones(3)[5], ["index 5 is out of bounds for dimension 0 with size 3"], IndexError)
attempt("dim", lambda: torch.ones(3).sum(dim=2), ["Dimension out of range"], IndexError)
attempt(
    "cat",
    lambda: torch.cat([torch.ones(2, 3), torch.ones(3, 2)]),
    ["Sizes of tensors must match except in dimension 0"],
)
attempt("stack", lambda: torch.stack([torch.ones(2), torch.ones(3)]), ["stack expects each tensor to be equal size"])
attempt("int grad", lambda: torch.tensor([1], requires_grad=True), ["floating point", "require gradients"])
attempt("conv", lambda: nn.Conv2d(3, 4, 3)(torch.ones(1, 1, 8, 8)), ["to have 3 channels, but got 1 channels"])
attempt("missing", missing, ["Missing key(s) in state_dict", '"bias"'])
attempt("wrong size", wrong_size, ["size mismatch for weight"])
attempt("target", lambda: F.cross_entropy(torch.ones(2, 3), torch.tensor([0, 5])), [], IndexError)
attempt("embedding", lambda: nn.Embedding(3, 2)(torch.tensor([3])), ["index out of range"], IndexError)
attempt("inplace dtype", lambda: torch.ones(2, dtype=torch.int64).add_(0.5), ["can't be cast"])
attempt("empty optimiser", lambda: torch.optim.SGD([], lr=0.1), ["empty parameter list"], ValueError)
attempt(
    "negative lr", lambda: torch.optim.Adam(nn.Linear(1, 1).parameters(), lr=-1), ["Invalid learning rate"], ValueError
)
attempt("unpack", lambda: nn.LSTM(3, 4)(torch.ones(5, 1, 2)), ["Expected 3, got 2"])
attempt("object", lambda: torch.from_numpy(np.array(["a"])), [], TypeError)
attempt("ragged", lambda: torch.tensor([[1, 2], [3]]), ["expected sequence of length 2 at dim 1 (got 1)"], ValueError)
