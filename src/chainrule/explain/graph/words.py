"""Text for pictures: how wide it is, and every character of a user's label made harmless for the form it goes into."""

from __future__ import annotations

import html
import unicodedata

CELL = 7.3  # width in pixels of one character of the pictures' font, of 12 pixels; wide characters have two cells
_JOINERS = "\u200c\u200d"


def clean(text: str, limit: int = 0) -> str:
    """On one line, without characters that cannot be seen; longer than `limit` cells, the end is left out.

    >>> clean("a\\nb\\x00c"), clean("x" * 50, 8)
    ('a b\\\\x00c', 'xxxxxxx\u2026')
    """
    out = []
    for c in " ".join(text.split()) if any(s in text for s in "\n\r\t\v\f\u2028\u2029") else text:
        bad = unicodedata.category(c) in ("Cc", "Cf", "Cs", "Cn", "Co") and c not in _JOINERS
        out.append(c.encode("unicode_escape").decode() if bad else c)
    found = "".join(out)
    if limit and cells(found) > limit:
        kept, room = [], limit - 1
        for c in found:
            room -= cells(c)
            if room < 0:
                break
            kept.append(c)
        return "".join(kept) + "\u2026"
    return found


def cells(text: str) -> int:
    """How many columns of a terminal, or characters' widths of a picture, the text takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) or c in _JOINERS else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def for_xml(text: str, limit: int = 0) -> str:
    """For SVG and HTML, between tags and in attributes."""
    return html.escape(clean(text, limit))


def for_dot(text: str, limit: int = 0) -> str:
    """For a quoted label of DOT."""
    return clean(text, limit).replace("\\", "\\\\").replace('"', '\\"')


def for_mermaid(text: str, limit: int = 0) -> str:
    """For a quoted label of Mermaid: all but letters, digits, spaces and a few marks as character codes."""
    return "".join(
        c if not c.isascii() or c.isalnum() or c in " .,:=()-+_/" else f"#{ord(c)};" for c in clean(text, limit)
    )


def padded(text: str, width: int) -> str:
    """Filled up with blanks to a number of cells."""
    return text + " " * max(0, width - cells(text))
