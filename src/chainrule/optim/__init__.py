"""Optimisers and learning-rate schedules, under PyTorch's names."""

import sys as _sys

from . import adam, adaptive, lr_scheduler, swa_utils
from .adam import Adam, Adamax, AdamW, NAdam, RAdam
from .adaptive import ASGD, Adadelta, Adagrad, RMSprop, Rprop
from .lbfgs import LBFGS
from .modern import Adafactor, Muon
from .optimizer import Optimizer
from .sgd import SGD

__all__ = [
    "ASGD",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Muon",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "lr_scheduler",
    "swa_utils",
]

# PyTorch keeps a module for each: torch.optim.adamw, torch.optim.rmsprop ...
for _name, _module in {
    **dict.fromkeys(("adamax", "adamw", "nadam", "radam"), adam),
    **dict.fromkeys(("adadelta", "adagrad", "asgd", "rmsprop", "rprop"), adaptive),
}.items():
    _sys.modules[f"{__name__}.{_name}"] = globals()[_name] = _module
