"""A report folder: pictures in a light and a dark version, metrics.json, and an index.html that shows them."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..utils.packages import need

THEMES = {
    "light": {"ink": "#1f2328", "faint": "#d0d4d9", "page": "#ffffff", "first": "#1662b8", "second": "#c2410c"},
    "dark": {"ink": "#e6e8ea", "faint": "#3b424a", "page": "#15181c", "first": "#6cb0ff", "second": "#ff9e64"},
}

STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --soft: #59636e; --line: #d9dde1; --page: #ffffff; --box: #f5f6f7;
  --link: #0b5cad; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8ea; --soft: #a0a8b0; --line: #333a41; --page: #15181c;
  --box: #1d2126; --link: #79b8ff; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 1.5rem 1rem 4rem; background: var(--page); color: var(--ink);
  font: 1rem/1.55 system-ui, sans-serif; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.1rem; margin: 2.25rem 0 .5rem; }
p { max-width: 42rem; margin: .5rem 0; }
a { color: var(--link); }
.soft, figcaption { color: var(--soft); }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: .75rem; margin: 1.25rem 0;
  padding: 0; }
.facts div { background: var(--box); border: 1px solid var(--line); border-radius: .5rem; padding: .6rem .75rem; }
.facts dt { color: var(--soft); font-size: .85rem; }
.facts dd { margin: 0; font-size: 1.2rem; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
figure { margin: 1rem 0; }
figure img { display: block; width: 100%; height: auto; }
figcaption { font-size: .9rem; max-width: 42rem; margin-top: .35rem; }
pre { background: var(--box); border: 1px solid var(--line); border-radius: .5rem; padding: .75rem; font-size: .85rem;
  white-space: pre-wrap; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; }
summary { cursor: pointer; color: var(--soft); }
"""


def plain(value: Any) -> Any:
    """`value` as what JSON knows: NumPy numbers and arrays as Python's, and NaN and infinities as None."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value


def shown(value: Any) -> str:
    """A number as people read it; anything else as its text."""
    if isinstance(value, float):
        return f"{value:.4g}" if math.isfinite(value) else "-"
    return "-" if value is None else str(value)


class Report:
    """Collects pictures, tables and sentences, then writes them as a folder that needs no network.

    Args:
        folder: where to write; made if it is not there.
        title, lead: heading of the page, and one sentence below it.

    Each picture is drawn twice, for light and for dark pages, as SVG. Needs matplotlib.
    """

    def __init__(self, folder: str | Path, title: str, lead: str) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.title, self.lead = title, lead
        self.parts: list[str] = []

    def heading(self, text: str) -> None:
        """A heading above what follows."""
        self.parts.append(f"<h2>{html.escape(text)}</h2>")

    def text(self, text: str) -> None:
        """A paragraph."""
        self.parts.append(f"<p>{html.escape(text)}</p>")

    def code(self, text: str) -> None:
        """Text shown as it is, line by line."""
        self.parts.append(f"<pre>{html.escape(text)}</pre>")

    def facts(self, facts: Mapping[str, Any]) -> None:
        """Names and values, shown large."""
        cells = (f"<div><dt>{html.escape(k)}</dt><dd>{html.escape(shown(v))}</dd></div>" for k, v in facts.items())
        self.parts.append(f'<dl class="facts">{"".join(cells)}</dl>')

    def table(self, rows: Sequence[Mapping[str, Any]], fold: str | None = None) -> None:
        """Rows as a table with the keys of the first row as heads; with `fold`, closed behind that line."""
        if not rows:
            return
        names = list(dict.fromkeys(name for row in rows for name in row))
        head = "".join(f'<th scope="col">{html.escape(str(n))}</th>' for n in names)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(shown(row.get(n, '')))}</td>" for n in names) + "</tr>" for row in rows
        )
        table = f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
        self.parts.append(f"<details><summary>{html.escape(fold)}</summary>{table}</details>" if fold else table)

    def figure(
        self, name: str, draw: Callable[[Any, dict[str, str]], None], *, alt: str, caption: str, size: tuple = (6, 3.2)
    ) -> None:
        """A picture `name`: `draw(figure, colours)` is called once per theme with a matplotlib Figure of `size` inches.

        alt: what the picture shows, in words, for those who cannot see it.
        """
        matplotlib = need("matplotlib", "pictures of the report")
        from matplotlib.figure import Figure

        for theme, colours in THEMES.items():
            ink, faint = colours["ink"], colours["faint"]
            settings = {
                **dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), ink),
                **{"axes.edgecolor": faint, "grid.color": faint, "axes.spines.top": False, "axes.spines.right": False},
                **{"font.size": 11, "axes.titlesize": 11, "svg.hashsalt": name, "legend.frameon": False},
                "axes.facecolor": "none",
            }
            with matplotlib.rc_context(settings):
                picture = Figure(figsize=size, layout="constrained", facecolor="none")
                draw(picture, colours)
                picture.savefig(self.folder / self._file(name, theme), format="svg", metadata={"Date": None})
        light, dark = self._file(name, "light"), self._file(name, "dark")
        self.parts.append(
            f'<figure><picture><source srcset="{dark}" media="(prefers-color-scheme: dark)">'
            f'<img src="{light}" alt="{html.escape(alt)}" width="{size[0] * 96:.0f}" height="{size[1] * 96:.0f}">'
            f"</picture><figcaption>{html.escape(caption)}</figcaption></figure>"
        )

    @staticmethod
    def _file(name: str, theme: str) -> str:
        return f"{name}.svg" if theme == "light" else f"{name}-{theme}.svg"

    def write(self, metrics: Mapping[str, Any]) -> Path:
        """Write metrics.json and index.html; returns the path of the page."""
        text = json.dumps(plain(metrics), indent=2, ensure_ascii=False)
        (self.folder / "metrics.json").write_text(text + "\n", encoding="utf-8")
        page = self.folder / "index.html"
        page.write_text(
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{html.escape(self.title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
            f'<h1>{html.escape(self.title)}</h1>\n<p class="soft">{html.escape(self.lead)}</p>\n'
            + "\n".join(self.parts)
            + '\n<p class="soft">The numbers of this page, for programs: <a href="metrics.json">metrics.json</a></p>\n'
            "</main>\n</body>\n</html>\n",
            encoding="utf-8",
        )
        return page
