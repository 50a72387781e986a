"""Training that can be watched, stopped and resumed.

fitting       fit: the arguments, put together
run           the loop: epochs, steps, validation
history       rows of numbers, one per epoch
callbacks     what is called as a run goes on
checkpoints, resuming, random_state, interrupts   stopping, and going on bit for bit
progress, log_files                               the bar; CSV, JSON lines, TensorBoard
arguments, batches, nonfinite                     checks, batches, explanations of NaN
"""

from ..utils.serialization import SerializationError
from .batches import accuracy
from .callbacks import Call, Callback, EarlyStopping, SaveBest, TimeLimit
from .checkpoints import CheckpointWarning
from .fitting import fit
from .history import History
from .nonfinite import NonFiniteError
from .run import ResumeError, Run

__all__ = [
    "Call",
    "Callback",
    "CheckpointWarning",
    "EarlyStopping",
    "History",
    "NonFiniteError",
    "ResumeError",
    "Run",
    "SaveBest",
    "SerializationError",
    "TimeLimit",
    "accuracy",
    "fit",
]
