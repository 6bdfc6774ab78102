"""Charts as SVG text to stand inside a page, made by pygal; its scripts and styles are taken out of them.

docs/decisions/0022-pages-on-request.md says why pygal.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

GOOD, BAD, OTHER = "#3a9d5d", "#d64545", "#5b8def"
_TAKEN_OUT = re.compile(r"<script.*?</script>|<!--.*?-->|<\?xml.*?\?>|<title>Pygal</title>", re.DOTALL)
_STYLE = re.compile(r"<style.*?</style>", re.DOTALL)
HEIGHT, WIDTH = 180, 520


def _pygal() -> Any:
    """The library without its finder of plugins, which makes Python warn at every later import, and which nobody needs."""
    import pygal
    import pygal.style

    sys.meta_path[:] = [each for each in sys.meta_path if type(each).__name__ != "PluginImportFixer"]
    return pygal


def bars(labels: Sequence[str], series: Mapping[str, tuple[str, Sequence[int]]], every: int = 1) -> Markup:
    """Stacked bars. `series`: name -> colour and a number a label; every `every`th label is written."""
    pygal = _pygal()
    style = pygal.style.Style(
        background="transparent",
        plot_background="transparent",
        foreground="#888888",
        foreground_strong="#888888",
        foreground_subtle="#88888855",
        colors=tuple(colour for colour, _ in series.values()),
        font_family="system-ui, sans-serif",
        label_font_size=13,
        major_label_font_size=13,
        legend_font_size=14,
        opacity="0.9",
    )
    chart = pygal.StackedBar(
        style=style,
        width=WIDTH,
        height=HEIGHT,
        margin=5,
        spacing=10,
        js=[],
        legend_at_bottom=True,
        legend_at_bottom_columns=len(series),
        show_legend=len(series) > 1,
        show_minor_x_labels=False,
        x_labels_major_every=every,
        y_labels=[
            0,
            max((sum(each) for each in zip(*(numbers for _, numbers in series.values()), strict=True)), default=0),
        ],
        truncate_legend=-1,
        truncate_label=-1,
        value_formatter=lambda value: f"{value:,.0f}",
    )
    chart.x_labels = list(labels)
    for name, (_, numbers) in series.items():
        chart.add(name, list(numbers))
    return Markup(_TAKEN_OUT.sub("", chart.render(is_unicode=True, disable_xml_declaration=True)))  # pygal escapes


def sparkline(numbers: Sequence[float | None]) -> Markup:
    """A small line without axes, of the page's own style; empty if there is nothing to show."""
    if sum(each is not None for each in numbers) < 2:
        return Markup("")
    chart = _pygal().Line(js=[], show_dots=False, margin=2)
    chart.add("", list(numbers))
    text = chart.render_sparkline(is_unicode=True, disable_xml_declaration=True, width=110, height=28)
    text = _STYLE.sub("", _TAKEN_OUT.sub("", text))
    return Markup(text.replace("<svg ", '<svg role="img" aria-hidden="true" ', 1))
