"""Charts as SVG text to stand inside a page, made by pygal; its scripts and styles are taken out of them.

docs/decisions/0024-pages-on-request.md says why pygal.
"""

from __future__ import annotations

import datetime as dt
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

GOOD, BAD, OTHER = "#3a9d5d", "#d64545", "#5b8def"
_TAKEN_OUT = re.compile(r"<script.*?</script>|<!--.*?-->|<\?xml.*?\?>|<title>Pygal</title>", re.DOTALL)
_STYLE = re.compile(r"<style.*?</style>", re.DOTALL)
COLOURS = (OTHER, GOOD, "#c27c0e", BAD, "#8e6bd8", "#5f7a8a")
HEIGHT, WIDTH, WIDE = 180, 520, 900


def _pygal() -> Any:
    """The library without its finder of plugins, which makes Python warn at every later import, and which nobody needs."""
    import pygal
    import pygal.style

    sys.meta_path[:] = [each for each in sys.meta_path if type(each).__name__ != "PluginImportFixer"]
    return pygal


def bars(labels: Sequence[str], series: Mapping[str, tuple[str, Sequence[int]]], every: int = 1) -> Markup:
    """Stacked bars. `series`: name -> colour and a number a label; every `every`th label is written."""
    pygal = _pygal()
    chart = pygal.StackedBar(
        style=_style([colour for colour, _ in series.values()], 17),
        width=WIDTH,
        height=HEIGHT,
        margin=5,
        spacing=10,
        js=[],
        legend_at_bottom=True,
        legend_at_bottom_columns=len(series),
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
    return _rendered(chart)


def time_axis(kinds: Mapping[str, Sequence[dt.datetime]], first: dt.date, last: dt.date) -> Markup:
    """What happened when: a line of dots a kind, over the days from the first to the last."""
    chart = _pygal().DateTimeLine(
        style=_style([COLOURS[at % len(COLOURS)] for at in range(len(kinds))], 11),
        width=WIDE,
        height=60 + 22 * len(kinds),
        margin=5,
        js=[],
        stroke=False,
        dots_size=4,
        show_legend=False,
        show_y_guides=True,
        range=(0.5, len(kinds) + 0.5),
        xrange=(_midnight(first), _midnight(last + dt.timedelta(days=1))),
        truncate_label=-1,
        x_value_formatter=lambda time: f"{time:%d %b}",
    )
    days = (last - first).days
    chart.x_labels = [_midnight(first + dt.timedelta(days=at)) for at in range(0, days + 1, max(1, days // 5))]
    chart.y_labels = [{"label": kind, "value": at} for at, kind in enumerate(kinds, 1)]
    for at, (kind, times) in enumerate(kinds.items(), 1):
        chart.add(kind, [(time.astimezone(dt.UTC).replace(tzinfo=None), at) for time in times])
    return _rendered(chart)


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time())


def _style(colours: Sequence[str], size: int) -> Any:
    return _pygal().style.Style(
        background="transparent",
        plot_background="transparent",
        foreground="#888888",
        foreground_strong="#888888",
        foreground_subtle="#88888855",
        colors=tuple(colours),
        font_family="system-ui, sans-serif",
        label_font_size=size,
        major_label_font_size=size,
        legend_font_size=size,
        opacity="0.9",
    )


def _rendered(chart: Any) -> Markup:
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
