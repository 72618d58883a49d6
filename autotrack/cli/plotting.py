"""``autotrack plot``."""

from __future__ import annotations

import math
import re
import shutil
import sys

from rich.text import Text

import autotrack
from autotrack.cli.output import console, print_json
from autotrack.views import text

_COLOR = re.compile(r"\x1b\[[0-9;]*m")


def plot_series(store: str | None, ref: str, key: str, *, as_json: bool) -> None:
    """Draw a metric of a run, or print its points."""
    run = autotrack.open_store(store).run(ref)
    try:
        series = run.series(key)
    except KeyError as error:
        raise autotrack.AutotrackError(str(error.args[0])) from None
    if as_json:
        points = {"steps": series.steps, "times": series.times.astype("int64"), "values": series.values}
        print_json({"run": run.id, "key": key, **{name: column.tolist() for name, column in points.items()}})
        return
    import plotext

    out = console()
    plain = out.no_color or not out.is_terminal
    width, height = shutil.get_terminal_size((100, 30))
    parts = series.outline(2 * width)
    drawn = [(part.first_step, part.min, part.max) for part in parts if part.min is not None and part.max is not None]
    plotext.clear_figure()
    plotext.plot_size(min(width, 140), max(12, min(height - 4, 28)))
    plotext.theme("clear")
    steps = [step for step, _, _ in drawn]
    if drawn:
        several = len(drawn) > 1
        draw = plotext.plot if several else plotext.scatter
        style = {"marker": "braille" if several else "x", "color": None if plain else "cyan"}
        draw(steps, [high for _, _, high in drawn], **style)
        if any(low != high for _, low, high in drawn):
            draw(steps, [low for _, low, _ in drawn], **style)
    plotext.title(f"{text.value(run.name, 40)} · {text.value(key, 40)}")
    plotext.xlabel("step")
    drawing = plotext.build()
    # Without colors it still ends each line by switching them off.
    sys.stdout.write((_COLOR.sub("", drawing) if plain else drawing) + "\n")
    odd = sum(not math.isfinite(value) for value in series.values)
    last = text.number(series.last)
    about = f"{series.count:,} points, last {last}" + (f", {odd:,} not finite (not drawn)" if odd else "")
    if len(parts) < series.count:
        about += f"; drawn as smallest and largest of {len(parts):,} stretches"
    out.print(Text(about, style="dim"))
