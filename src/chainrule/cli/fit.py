"""chainrule fit: learn one column of a table from the others, and keep the model in a folder."""

from __future__ import annotations

import argparse
import sys
import tempfile
import warnings
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from ..demos.curves import counts_table
from ..demos.report import Report, plain
from ..demos.telling import Teller, next_command
from ..utils.packages import need
from . import saved
from .columns import encode, infer, learn, numbers, share_of_numbers
from .common import TableError, UsageError, add_command, near, print_json, whole_above_zero
from .table import read_table

HIDDEN = (64, 32)
FEWEST_ROWS = 10
MOST_CLASSES = 100

EXAMPLES = """  chainrule fit houses.csv --target price
  chainrule fit flowers.csv --target species --out flowers-model
  chainrule fit grades.csv --target grade --task classification --drop student --category school
  chainrule fit data.csv.gz --target y --separator ';' --missing unknown --json
"""


def add_parser(commands: Any) -> None:
    """Add `fit` to the command line."""
    parser = add_command(commands, "fit", "learn a column of a CSV table from the other columns", EXAMPLES)
    parser.add_argument("table", help="CSV file whose first line names the columns (also .gz; - is standard input)")
    parser.add_argument("--target", required=True, metavar="COLUMN", help="the column to learn")
    parser.add_argument("--out", metavar="FOLDER", help="where the model goes (default: NAME-model)")
    parser.add_argument("--task", choices=("regression", "classification"), help="default: by the target's values")
    parser.add_argument("--drop", action="append", default=[], metavar="COLUMN", help="leave this column out")
    parser.add_argument("--category", action="append", default=[], metavar="COLUMN", help="numbers that are names")
    parser.add_argument("--epochs", type=whole_above_zero, default=300, help="at most so many (default: 300)")
    parser.add_argument("--quick", action="store_true", help="at most 20 epochs, to see that everything works")
    parser.add_argument("--seed", type=int, default=0, help="decides weights and split (default: 0)")
    add_table_options(parser)
    parser.add_argument("--json", action="store_true", help="print the result as JSON, and nothing else")


def add_table_options(parser: argparse.ArgumentParser) -> None:
    """How the CSV file is written."""
    parser.add_argument("--separator", metavar="CHARACTER", help="between cells (default: found out), or 'tab'")
    parser.add_argument("--encoding", help="of the file (default: UTF-8)")
    parser.add_argument("--missing", action="append", default=[], metavar="WORD", help="a cell that means: not known")


def run(args: argparse.Namespace) -> int:
    """Read, infer, split, train, test, report and save."""
    tell = Teller(sys.stderr if args.json else None, quiet=args.json)
    name = "table" if args.table == "-" else Path(args.table).name.removesuffix(".gz").rsplit(".", 1)[0]
    folder = Path(args.out or f"{name}-model")
    saved.check_target_folder(folder)
    frame = read_table(args.table, args.encoding, args.separator, args.missing)
    started = perf_counter()
    kept, task, why = check_target(frame, args.target, args.task, args.table)
    tell("table", f"{len(frame):,} rows, {len(frame.columns)} columns")
    if len(kept) < len(frame):
        tell("", f"{len(frame) - len(kept)} rows without {args.target!r} are left out")
    tell("task", f"{task} of {args.target!r}: {why}")
    kinds = choose_columns(kept, args, tell)

    split = need("sklearn.model_selection", "the split").train_test_split
    labels = kept[args.target]
    strata = labels if task == "classification" else None
    held = max(2, round(0.2 * len(kept)))
    if strata is not None and (strata.value_counts().min() < 2 or held < strata.nunique()):
        strata = None  # a class too rare for a share in both parts: the split is by chance alone
        tell("", "some classes are so rare that the split cannot keep their shares")
    train, test = split(kept, test_size=held, random_state=args.seed, stratify=strata)
    columns = learn(train, kinds)
    X, _ = encode(train, columns)
    epochs = min(args.epochs, 20) if args.quick else args.epochs
    fitted, description = train_model(X, train[args.target], task, epochs, args.seed)
    description = {"task": task, "target": args.target, "columns": columns, **description}

    with tempfile.TemporaryDirectory() as scratch:
        described = {"rows": len(kept), "learnt from": len(train), "held out": len(test)}
        model = saved.network(description["layers"])
        model.load_state_dict(fitted.module_.state_dict())
        report = Path(scratch) / "report"
        measured = measure(model, description, test, train)
        result = {
            **{"task": task, "target": args.target, "model": str(folder)},
            **{"rows": len(kept), "rows_learnt_from": len(train), "rows_held_out": len(test)},
            "columns": {c["name"]: c["kind"] for c in columns},
            **measured["scores"],
            "epochs": fitted.n_iter_,
            "seconds": round(perf_counter() - started, 2),
        }
        write_report(report, args.target, described, measured, fitted.loss_curve_, result)
        saved.write(folder, model, {**description, "scores": plain(measured["scores"])}, report)
    result["report"] = str(folder / "report" / "index.html")
    if args.json:
        print_json(result)
        return 0
    tell("training", f"{fitted.n_iter_} epochs on {len(train):,} rows")
    for line in measured["lines"]:
        tell("held out", line)
    tell("model", str(folder))
    tell("report", result["report"])
    tell("next", f"{next_command()} predict {folder} {args.table if args.table != '-' else 'new.csv'}")
    return 0


def check_target(frame: Any, target: str, task: str | None, table: str) -> tuple[Any, str, str]:
    """(rows that have the target, task, why this task), or a TableError that says what to fix."""
    if target not in frame.columns:
        raise UsageError(f"{table} has no column {target!r}. {near(target, frame.columns)}")
    if not len(frame):
        raise TableError(f"{table} has the names of columns but no rows: add rows below the first line")
    kept = frame[frame[target].notna()]
    if not len(kept):
        raise TableError(f"column {target!r} is empty in all {len(frame)} rows: there is nothing to learn from")
    if len(kept) < FEWEST_ROWS:
        raise TableError(f"only {len(kept)} rows have {target!r}: at least {FEWEST_ROWS} are needed")
    column = kept[target]
    different = column.nunique()
    if different == 1:
        raise TableError(
            f"column {target!r} says {column.iloc[0]!r} in all {len(kept)} rows: with one class or value there is "
            f"nothing to tell apart. Choose another --target, or add rows that differ"
        )
    numeric = share_of_numbers(column) >= 0.5
    if task is None and numeric:
        values = numbers(column)
        few = different <= 10 and len(kept) >= 5 * different and bool((values == values.round()).all())
        task = "classification" if few else "regression"
        why = f"whole numbers, {different} of them" if few else "numbers"
        why += f" (--task {'regression' if few else 'classification'} for the other reading)"
    else:
        why = "as asked for" if task else f"{different} different texts"
        task = task or "classification"
    if task == "regression":
        numbers(column)
    elif different > MOST_CLASSES or different > 0.5 * len(kept):
        raise TableError(
            f"column {target!r} has {different} different values in {len(kept)} rows, more like a name or a number "
            f"than a class. Choose another --target" + (", or --task regression" if numeric else "")
        )
    return kept, task, why


def choose_columns(frame: Any, args: argparse.Namespace, tell: Teller) -> dict[str, str]:
    """{column: "number" or "category"} of the columns to learn from; says what is left out and why."""
    for option, names in (("--drop", args.drop), ("--category", args.category)):
        for name in names:
            if name not in frame.columns:
                raise UsageError(f"{option} {name}: the table has no such column. {near(name, frame.columns)}")
    kinds = {}
    for name in frame.columns:
        if name == args.target or name in args.drop:
            continue
        kind, why = infer(frame[name], name in args.category)
        if kind == "left out":
            tell("left out", f"{name!r}: {why}")
        else:
            kinds[name] = kind
            tell(kind, f"{name!r}{': ' + why if why else ''}")
    if not kinds:
        raise TableError(
            f"no column is left to learn {args.target!r} from: the table needs at least one other column of numbers or "
            f"of texts that repeat"
        )
    return kinds


def train_model(X: np.ndarray, y: Any, task: str, epochs: int, seed: int) -> tuple[Any, dict[str, Any]]:
    """(fitted estimator, its part of model.json). Stops early by a tenth of the training rows, if there are enough."""
    from ..estimators import MLPClassifier, MLPRegressor

    enough = len(X) >= 300 and (task == "regression" or y.value_counts().min() >= 10)
    options = dict(early_stopping=enough, n_iter_no_change=20, max_iter=epochs, random_state=seed, alpha=1e-3)
    more: dict[str, Any]
    if task == "regression":
        values = numbers(y)
        mean, spread = float(values.mean()), float(values.std()) or 1.0
        if not np.isfinite(mean) or not np.isfinite(spread):
            raise TableError(f"column {y.name!r} has numbers so large that their spread is not finite: scale them down")
        model, target = MLPRegressor(HIDDEN, learning_rate_init=3e-3, **options), (values - mean) / spread
        more = {"mean": mean, "spread": spread}
    else:
        model, target = MLPClassifier(HIDDEN, learning_rate_init=3e-3, **options), y.to_numpy(str)
        more = {}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*[Mm]aximum iterations|.*not converge|.*max_iter")
        model.fit(X, target)
    if task == "classification":
        more = {"classes": [str(c) for c in model.classes_]}
    return model, {"layers": [X.shape[1], *HIDDEN, model.n_outputs_], **more}


def measure(model: Any, description: dict[str, Any], test: Any, train: Any) -> dict[str, Any]:
    """Scores on the held-out rows, beside those of a guess that looks at no column."""
    metrics = need("sklearn.metrics", "scores")
    held = saved.SavedModel.__new__(saved.SavedModel)
    held.model, held.description = model, description
    held.columns, held.task = description["columns"], description["task"]
    said, _, _ = held.predict(test)
    target = description["target"]
    if description["task"] == "regression":
        truth = numbers(test[target])
        guess = np.full_like(truth, numbers(train[target]).mean())
        scores = {
            "r2": float(metrics.r2_score(truth, said)),
            "mean_absolute_error": float(metrics.mean_absolute_error(truth, said)),
            "baseline_mean_absolute_error": float(metrics.mean_absolute_error(truth, guess)),
        }
        lines = [
            f"R2 {scores['r2']:.3f}, mean error {scores['mean_absolute_error']:.4g}",
            f"(always guessing the mean: {scores['baseline_mean_absolute_error']:.4g})",
        ]
    else:
        truth = test[target].to_numpy(str)
        commonest = train[target].value_counts().index[0]
        scores = {
            "accuracy": float((said == truth).mean()),
            "baseline_accuracy": float((truth == commonest).mean()),
        }
        lines = [
            f"{scores['accuracy']:.1%} right",
            f"(always guessing {commonest!r}: {scores['baseline_accuracy']:.1%})",
        ]
    return {"scores": scores, "lines": lines, "truth": truth, "said": said, "description": description}


def write_report(
    folder: Path, target: str, described: dict, measured: dict, curve: list[float], result: dict[str, Any]
) -> None:
    """The page with scores, learning curve, and what was said against what is."""
    report = Report(folder, f"Learning {target}", "On the held-out rows: " + " ".join(measured["lines"]))
    report.facts({**measured["scores"], **described})
    truth, said = measured["truth"], measured["said"]
    if result["task"] == "regression":

        def against(figure: Any, colours: dict[str, str]) -> None:
            axis = figure.subplots()
            ends = [float(min(truth.min(), said.min())), float(max(truth.max(), said.max()))]
            axis.plot(ends, ends, color=colours["faint"])
            axis.plot(truth, said, ".", color=colours["first"], alpha=0.6)
            axis.set(xlabel="what it is", ylabel="what the model said")

        report.figure(
            "held-out",
            against,
            alt=f"{len(truth)} held-out rows: prediction over truth, around the diagonal.",
            caption="Each point is a held-out row; on the line the prediction is right.",
            size=(5, 4.2),
        )
    else:
        names = sorted({*map(str, truth), *map(str, said)})
        place = {n: i for i, n in enumerate(names)}
        counts = np.zeros((len(names), len(names)), int)
        np.add.at(counts, ([place[t] for t in truth], [place[str(s)] for s in said]), 1)
        report.figure(
            "held-out",
            counts_table(counts, names),
            alt=f"Confusion matrix of {len(truth)} held-out rows; {int(np.trace(counts))} are on the diagonal.",
            caption="Each row is a class as it is, each column what the model said.",
            size=(5, 4.8),
        )

    def falling(figure: Any, colours: dict[str, str]) -> None:
        axis = figure.subplots()
        axis.plot(range(1, len(curve) + 1), curve, color=colours["first"])
        axis.set(xlabel="epoch", ylabel="loss", yscale="log")

    report.figure("curve", falling, alt=f"Training loss over {len(curve)} epochs.", caption="The loss while learning.")
    report.heading("Columns")
    report.table([{"column": k, "read as": v} for k, v in result["columns"].items()])
    report.write(result)
