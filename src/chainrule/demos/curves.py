"""Drawings that several reports share: curves over epochs, tables of counts, rows of small images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

Draw = Callable[[Any, dict[str, str]], None]


def over_epochs(rows: Sequence[Mapping[str, Any]], panels: Mapping[str, Mapping[str, str]]) -> Draw:
    """Lines over epochs from the rows of a training history, one panel per quantity.

    panels: title of a panel -> {key in the rows: label of the line}. Keys that no row has are left out.
    """

    def draw(figure: Any, colours: dict[str, str]) -> None:
        for axis, (title, lines) in zip(np.ravel(figure.subplots(1, len(panels))), panels.items(), strict=True):
            known = [(key, label) for key, label in lines.items() if any(row.get(key) is not None for row in rows)]
            for (key, label), colour, style in zip(known, (colours["first"], colours["second"]), ("-", "--")):
                points = [(row["epoch"], row[key]) for row in rows if row.get(key) is not None]
                axis.plot(*zip(*points), color=colour, linestyle=style, label=label, marker="." * (len(points) < 4))
            axis.set(title=title, xlabel="epoch")
            axis.grid(alpha=0.6)
            axis.xaxis.get_major_locator().set_params(integer=True)
            if known:
                axis.legend()

    return draw


def counts_table(counts: np.ndarray, names: Sequence[str]) -> Draw:
    """A square of counts (rows: what it is; columns: what the model said), with the numbers written into it."""

    def draw(figure: Any, colours: dict[str, str]) -> None:
        axis = figure.subplots()
        shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
        axis.imshow(shares, cmap="Blues", vmin=0, vmax=1.15)
        if len(names) <= 20:
            for i, j in np.argwhere(counts > 0):
                shade = "white" if shares[i, j] > 0.55 else "#10243d"
                axis.text(j, i, str(counts[i, j]), ha="center", va="center", color=shade, fontsize=9)
            turn = 45 if max(map(len, names)) > 3 else 0
            axis.set_xticks(range(len(names)), names, rotation=turn, ha="right" if turn else "center")
            axis.set_yticks(range(len(names)), names)
        axis.set(xlabel="what the model said", ylabel="what it is")
        axis.tick_params(length=0)

    return draw


def picture_grid(pictures: Sequence[np.ndarray], titles: Sequence[str], columns: int, **options: Any) -> Draw:
    """Small images in rows, each under its title; `options` go to matplotlib's imshow."""

    def draw(figure: Any, colours: dict[str, str]) -> None:
        rows = -(-len(pictures) // columns)
        for axis in (axes := np.ravel(figure.subplots(rows, columns, squeeze=False))):
            axis.axis("off")
        for axis, picture, title in zip(axes, pictures, titles):
            axis.imshow(picture, **{"cmap": "gray_r", **options})
            axis.set_title(title, fontsize=9, color=colours["ink"])

    return draw
