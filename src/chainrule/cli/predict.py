"""chainrule predict: fill in the learnt column for a new table."""

from __future__ import annotations

import argparse
import csv
import sys
from typing import Any

import numpy as np

from ..utils.serialization.files import write_atomically
from .columns import numbers
from .common import TableError, add_command, print_json
from .fit import add_table_options
from .saved import SavedModel
from .table import read_table

EXAMPLES = """  chainrule predict houses-model new.csv > priced.csv
  chainrule predict houses-model new.csv --out priced.csv
  chainrule predict flowers-model new.csv --probabilities
  chainrule predict houses-model new.csv --json
"""


def add_parser(commands: Any) -> None:
    """Add `predict` to the command line."""
    parser = add_command(commands, "predict", "fill in the column that a model has learnt, for a new table", EXAMPLES)
    parser.add_argument("model", help="folder that `chainrule fit` wrote")
    parser.add_argument("table", help="CSV file with the columns that the model learnt from (- is standard input)")
    parser.add_argument("--out", metavar="FILE", help="write the CSV there (default: standard output)")
    parser.add_argument("--probabilities", action="store_true", help="a column more for each class")
    add_table_options(parser)
    parser.add_argument("--json", action="store_true", help="print JSON instead of CSV")


def run(args: argparse.Namespace) -> int:
    """Print the table with the prediction as its last column; remarks go to standard error."""
    model = SavedModel(args.model)
    frame = read_table(args.table, args.encoding, args.separator, args.missing)
    if not len(frame):
        raise TableError(f"{args.table} has the names of columns but no rows")
    said, chances, notes = model.predict(frame)
    for note in notes:
        print(f"chainrule predict: {note}", file=sys.stderr)
    score = _score(model, frame, said)
    if score:
        print(f"chainrule predict: {score[0]} {score[1]:.4g} on the rows that have {model.target!r}", file=sys.stderr)
    added = {f"predicted {model.target}": said}
    if args.probabilities:
        if chances is None:
            raise TableError(f"{args.model} predicts numbers: it has no probabilities")
        added |= {f"probability {c}": chances[:, i] for i, c in enumerate(model.description["classes"])}
    if args.json:
        print_json(
            {"target": model.target, "task": model.task, "predictions": list(said)}
            | ({"classes": model.description["classes"], "probabilities": chances} if args.probabilities else {})
            | ({score[0]: score[1]} if score else {})
        )
        return 0
    lines = [[*frame.columns, *added]]
    cells = ["" if cell is None or cell != cell else str(cell) for cell in frame.to_numpy(object).ravel()]
    width = len(frame.columns)
    lines += [
        [*cells[i * width : (i + 1) * width], *(_cell(values[i]) for values in added.values())]
        for i in range(len(frame))
    ]
    if args.out:
        import io

        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(lines)
        write_atomically(args.out, text.getvalue().encode())
    else:
        csv.writer(sys.stdout, lineterminator="\n").writerows(lines)
        sys.stdout.flush()
    return 0


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else f"{float(value):.6g}"


def _score(model: SavedModel, frame: Any, said: np.ndarray) -> tuple[str, float] | None:
    """How good the predictions are, where the new table has the target too."""
    if model.target not in frame.columns:
        return None
    known = frame[model.target].notna().to_numpy()
    if not known.any():
        return None
    truth = frame[model.target][known]
    if model.task == "regression":
        return "mean error", float(np.abs(numbers(truth, hint=False) - said[known]).mean())
    return "accuracy", float((truth.to_numpy(str) == said[known]).mean())
