"""Mathematics as MathML when the site is built: pages need no script and no network to show it."""

import html
import re

from latex2mathml.converter import convert

FORMULA = re.compile(r'<(span|div) class="arithmatex">\s*(?:\\\((.*?)\\\)|\\\[(.*?)\\\])\s*</\1>', re.S)


def on_page_content(text: str, **_: object) -> str:
    """mkdocs calls this with the HTML of each page."""

    def mathml(match: re.Match) -> str:
        inline, block = match[2], match[3]
        return convert(html.unescape(inline or block), display="inline" if inline else "block")

    return FORMULA.sub(mathml, text)
