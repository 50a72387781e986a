"""Columns of a table as numbers for a network, and back; what was learnt about them goes into JSON."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from ..utils.packages import need
from .common import TableError, near

MOST_CATEGORIES = 50  # a text column with more different values is left out
ID_NAME = re.compile(r"(^|_|\b)(id|uuid|guid|index|key)$|^row( number)?$|^unnamed", re.IGNORECASE)


def numbers(column: Any, hint: bool = True) -> np.ndarray:
    """A column of texts as float64, NaN where a cell is missing.

    Raises TableError for a cell that is not a number, with its line.
    """
    pandas = need("pandas", "reading tables")
    values = pandas.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    bad = np.flatnonzero((np.isnan(values) & column.notna().to_numpy()) | np.isinf(values))
    if len(bad):
        line, text = column.index[bad[0]], column.iloc[bad[0]]
        more = f", and {len(bad) - 1} more cells like it" if len(bad) > 1 else ""
        fix = f", give --missing {text!r} to read it as missing, or --category {column.name!r}" if hint else ""
        comma = " (decimal commas must be points)" if re.fullmatch(r"-?[\d.]+,\d+", text) else ""
        raise TableError(
            f"column {column.name!r} holds numbers, but line {line} says {text!r}{more}{comma}. Write a number there "
            f"or leave it empty{fix if hint else ''}"
        )
    return values


def share_of_numbers(column: Any) -> float:
    """Which part of the cells that are there are numbers."""
    pandas = need("pandas", "reading tables")
    present = column.dropna()
    return float(pandas.to_numeric(present, errors="coerce").notna().mean()) if len(present) else 0.0


def infer(column: Any, forced: bool = False) -> tuple[str, str]:
    """("number" | "category" | "left out", why). `forced`: the user says that it is a category."""
    present = column.dropna()
    different = present.nunique()
    if different == 0:
        return "left out", "every cell is missing"
    if different == 1 and len(present) == len(column):
        return "left out", f"the same value everywhere, {present.iloc[0]!r}"
    share = share_of_numbers(column)
    if share >= 0.5 and not forced:
        values = numbers(column)
        if len(values) > 10 and ID_NAME.search(column.name) and different == len(column):
            return "left out", "an identifier: a different number in each row"
        return "number", f"missing in {int(np.isnan(values).sum())} rows" if np.isnan(values).any() else ""
    if different > MOST_CATEGORIES or (different > 20 and different > 0.5 * len(present)):
        if forced:
            raise TableError(
                f"column {column.name!r} has {different} different values, too many for a category (at most "
                f"{MOST_CATEGORIES}): group them, or leave it out with --drop"
            )
        return "left out", f"text with {different} different values in {len(present)} rows, as an identifier has"
    return "category", f"{different} different values"


def learn(frame: Any, kinds: dict[str, str]) -> list[dict[str, Any]]:
    """What each column needs to become numbers: median, mean and spread, or the list of categories."""
    learnt = []
    for name, kind in kinds.items():
        column = frame[name]
        if kind == "number":
            values = numbers(column)
            present = values[~np.isnan(values)]
            middle = float(np.median(present)) if len(present) else 0.0
            filled = np.where(np.isnan(values), middle, values)
            with np.errstate(over="ignore"):  # a spread beyond float64 becomes 1: the column then stays as it is
                mean, spread = float(filled.mean()), float(filled.std())
            learnt.append(
                {
                    "name": name,
                    "kind": kind,
                    "median": middle,
                    "mean": mean if np.isfinite(mean) else 0.0,
                    "spread": spread if np.isfinite(spread) and spread > 0 else 1.0,
                    "flag_missing": bool(np.isnan(values).any()),
                }
            )
        else:
            learnt.append({"name": name, "kind": kind, "categories": sorted(column.dropna().unique())})
    return learnt


def encode(frame: Any, learnt: list[dict[str, Any]]) -> tuple[np.ndarray, list[str]]:
    """The table as float32 (rows, features), and sentences about values that training did not have.

    A number becomes its distance from the mean in spreads, with the median where it is missing, and a column that says
    where that was; a category becomes a column of zeros and ones for each of its values.
    Raises TableError if a column is not there.
    """
    absent = [c["name"] for c in learnt if c["name"] not in frame.columns]
    if absent:
        others = [c for c in frame.columns if c not in {c["name"] for c in learnt}]
        hint = f" {near(absent[0], others)}" if others else ""
        raise TableError(f"the table has no column {', '.join(map(repr, absent))}, which the model learnt from.{hint}")
    parts, notes = [], []
    for c in learnt:
        column = frame[c["name"]]
        if c["kind"] == "number":
            values = numbers(column, hint=False)
            gone = np.isnan(values)
            parts.append((np.where(gone, c["median"], values) - c["mean"])[:, None] / c["spread"])
            if c["flag_missing"]:
                parts.append(gone[:, None].astype(float))
        else:
            known = np.array(c["categories"], object)
            cells = column.to_numpy(object)
            parts.append((cells[:, None] == known[None, :]).astype(float))
            new = sorted(set(column.dropna()) - set(known))
            if new:
                notes.append(f"column {c['name']!r}: {new[0]!r} was not in training ({len(new)} new values in all)")
    return np.concatenate(parts, 1).astype(np.float32), notes
