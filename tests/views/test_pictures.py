"""Tables as pictures: every kind can be drawn, alone and with others, and nothing of matplotlib's state is touched."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import autotrack
from autotrack import AutotrackError, StoreError, TableView

pytest.importorskip("matplotlib")

from matplotlib.figure import Figure
from matplotlib.text import Text

HEADER = b"\x89PNG\r\n\x1a\n"
STEPS = [0.0, 0.1, 0.5, 1.0]
AWKWARD = ["_hidden", "$x_{$", "日本", "a\nb\x1b", "x" * 500]  # texts that matplotlib takes for something else


def confusion(classes: list[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    cells = [(true, predicted) for true in classes for predicted in classes]
    columns = {
        "true": [a for a, _ in cells],
        "predicted": [b for _, b in cells],
        "count": [3 if a == b else 1 for a, b in cells],
    }
    return columns, {"classes": classes, "normalized": None}


def curves(classes: list[Any], *names: str) -> dict[str, Any]:
    columns: dict[str, Any] = {"class": [c for c in classes for _ in STEPS]}
    return columns | {name: STEPS * len(classes) for name in names}


def scores(name: str, values: list[Any]) -> dict[str, Any]:
    count = len(values)
    return {name: values} | {
        f"{stat}_{part}_score": [0.1 * at for at in range(count)]
        for part in ("train", "test")
        for stat in ("mean", "std")
    }


def examples() -> dict[str, tuple[str, dict[str, Any], dict[str, Any]]]:
    found: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {}
    for count in (1, 2, 10, 50, 120):
        classes: list[Any] = [0.5, *range(1, count)] if count == 10 else [f"class {i}" for i in range(count)]
        found[f"confusion {count}"] = ("confusion_matrix", *confusion(classes))
        auc = [[name, at / count] for at, name in enumerate(classes)]
        found[f"roc {count}"] = ("roc_curve", curves(classes, "fpr", "tpr", "threshold"), {"auc": auc})
        columns = curves(classes, "recall", "precision", "threshold")
        found[f"precision {count}"] = ("precision_recall_curve", columns, {"average_precision": auc})
        found[f"calibration {count}"] = ("calibration_curve", curves(classes, "predicted", "observed", "count"), {})
    found["awkward confusion"] = ("confusion_matrix", *confusion(AWKWARD))
    found["awkward roc"] = ("roc_curve", curves(AWKWARD, "fpr", "tpr"), {"auc": [[AWKWARD[0], float("nan")]]})
    found["no class"] = ("roc_curve", {"fpr": STEPS, "tpr": STEPS}, {})
    found["residuals"] = (
        "residuals",
        {"predicted": STEPS, "residual": [1, float("nan"), None, -1]},
        {"shown": 4, "of": 9},
    )
    found["importances"] = (
        "importances",
        {"feature": [*AWKWARD, 7], "importance": [0.1, -2, 3, float("nan"), 5, 10**400]},
        {},
    )
    features = [f"pipeline__columntransformer__a_long_name_of_a_feature_{i}" for i in range(100)]
    found["many importances"] = (
        "importances", {"feature": features, "importance": list(range(100)), "std": [1.0] * 100}, {"of": "coef_"},
    )  # fmt: skip
    few = {"feature": ["a", "b", "c"], "importance": [1, 2, 3]}
    found["many features"] = (
        "importances",
        few,
        {"of": "coef_", "features": 7000, "shown": 3, "mean_magnitude_over": 10},
    )
    found["thinned"] = ("roc_curve", curves(["a"], "fpr", "tpr"), {"auc": [["a", 0.5]], "points": 50, "of": 400})
    found["learning"] = ("learning_curve", scores("train_size", [10, 20, 30]), {})
    found["validation"] = ("validation_curve", scores("C", [1e-3, 1.0, 1e3]), {})
    found["validation of texts"] = ("validation_curve", scores("kernel", ["rbf", None, (1, 2)]), {})
    found["trials"] = ("trials", scores("param_C", [1e-3, 1.0, 1e3]), {})
    found["trials of several params"] = (
        "trials", scores("param_C", [1, 2, 3] * 50) | {"param_k": ["a", "b"] * 75, "split0_test_score": [1] * 150}, {},
    )  # fmt: skip
    failed = {"param_C": [1, 2], "mean_test_f1": [float("nan"), 0.5]}
    found["failed trials"] = ("trials", failed, {})
    return found


EXAMPLES = examples()


def logged(name: str, run_name: str = "run") -> TableView:
    kind, columns, meta = EXAMPLES[name]
    with autotrack.start_run(run_name) as run:
        run.log_table(f"eval/{name}", columns, kind=kind, meta=meta)
    return autotrack.open_store().run(run.id).tables[f"eval/{name}"]


def texts(figure: Figure) -> list[str]:
    return [found.get_text() for found in figure.findobj(Text) if found.get_text()]


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_kind_is_drawn_alone_and_with_another(name: str) -> None:
    tables = [logged(name, "first"), logged(name, "second")]
    for figure in (tables[0].plot(), tables[0].plot(tables[1])):
        picture, size = figure._repr_png_()
        assert picture.startswith(HEADER)
        width, height = figure.get_size_inches()
        assert size == {"width": round(width * 100), "height": round(height * 100)}
        assert any(f"eval/{name}" in text for text in texts(figure))


def test_what_is_left_out_is_said() -> None:
    def said(name: str) -> str:
        return " ".join(texts(logged(name).plot()))

    assert "run · 25 of 100 features" in said("many importances")
    assert "run · 4 of 9 rows" in said("residuals")
    assert "run · named: the worst 10 of 50 classes" in said("roc 50")
    assert "run, 5 of 8 rows" in " ".join(texts(logged("roc 2").head(5).plot()))
    assert "run · 50 of 400 points" in said("thinned")
    assert "run · 3 of 7,000 features mean magnitude of coef_" in said("many features")
    assert "run · 1 candidate without a score" in said("failed trials")
    assert "pipeline__col…" in said("many importances")
    assert "feature_99" in said("many importances"), "the end of a long name tells features apart"


def test_any_text_is_a_name() -> None:
    figure = logged("awkward roc").plot()
    (legend,) = [axes.get_legend() for axes in figure.axes]
    shown = [text.get_text() for text in legend.get_texts()]
    assert len(shown) == len(AWKWARD)
    assert shown[0] == " _hidden", "matplotlib leaves out of legends what begins with _"
    assert shown[1] == r"\$x_{\$", "no formula"
    assert len(max(shown, key=len)) < 40


def test_runs_are_told_apart() -> None:
    named = [logged("roc 1", "first"), logged("roc 1", "second")]
    assert {"first (AUC 0.000)", "second (AUC 0.000)"} <= set(texts(named[0].plot(named[1])))
    alike = [logged("roc 1", "same"), logged("roc 1", "same")]
    assert {f"same {table.run[-4:]} (AUC 0.000)" for table in alike} <= set(texts(alike[0].plot(alike[1])))
    several = texts(logged("roc 2", "first").plot(logged("roc 2", "second")))
    assert "first (2 classes, mean AUC 0.250)" in several
    with autotrack.start_run("one run") as run:
        for part in ("train", "eval/X"):
            kind, columns, meta = EXAMPLES["roc 1"]
            run.log_table(f"{part}/roc_curve", columns, kind=kind, meta=meta)
    tables = autotrack.open_store().run(run.id).tables
    assert {"train/roc_curve (AUC 0.000)", "eval/X/roc_curve (AUC 0.000)"} <= set(
        texts(tables["train/roc_curve"].plot(tables["eval/X/roc_curve"]))
    )


def test_numbers_of_a_curve_are_drawn_as_they_are() -> None:
    (axes,) = logged("no class").plot().axes
    assert [line.get_xydata().tolist() for line in axes.lines if len(line.get_xydata()) == 4] == [
        [[x, x] for x in STEPS]
    ]
    (axes,) = logged("confusion 2").plot().axes
    assert axes.images[0].get_array().tolist() == [[0.75, 0.25], [0.25, 0.75]]
    assert [text.get_text() for text in axes.texts][:4] == ["3", "1", "1", "3"]
    (axes,) = logged("trials").plot().axes
    assert axes.get_xscale() == "log"
    assert axes.get_xlabel() == "param_C"


def test_axes_of_ones_own() -> None:
    figure = Figure()
    axes = figure.subplots(1, 2)
    table = logged("roc 2")
    assert table.plot(ax=axes[0]) is figure
    assert axes[0].lines
    assert not axes[1].lines
    with pytest.raises(AutotrackError, match="side by side: call plot"):
        logged("confusion 2").plot(logged("confusion 2"), ax=axes[1])


def test_what_cannot_be_drawn_is_one_clear_line() -> None:
    with autotrack.start_run("run") as run:
        run.log_table("any", {"x": [1]})
        run.log_table("empty", {"fpr": [], "tpr": []}, kind="roc_curve")
        run.log_table("bare", {"fpr": [0.0]}, kind="roc_curve")
        run.log_table("failed", {"mean_test_score": [None]}, kind="trials")
        run.log_table("no number", {"feature": ["a"], "importance": ["b"]}, kind="importances")
    tables = autotrack.open_store().run(run.id).tables
    for name, message in {
        "any": "'any' is of kind 'table', which is not drawn", "empty": "has no rows", "bare": "no column 'tpr'",
        "failed": "has a score", "no number": "importance that is a number",
    }.items():  # fmt: skip
        with pytest.raises(AutotrackError, match=message):
            tables[name].plot()
    with pytest.raises(AutotrackError, match="only others of kind 'roc_curve'"):
        logged("roc 2").plot(tables["any"])
    with pytest.raises(TypeError, match="not int"):
        logged("roc 2").plot(1)


def test_pictures_are_saved_below_a_folder(tmp_path: Path) -> None:
    from autotrack.views.pictures import save

    table = logged("roc 2")
    outside = tmp_path / "outside.png"
    outside.write_bytes(b"mine")
    target = tmp_path / "out" / "eval" / "roc 2.png"
    target.parent.mkdir(parents=True)
    target.symlink_to(outside)
    for _ in range(2):
        assert save(table, tmp_path / "out") == target
        assert target.read_bytes().startswith(HEADER)
    assert outside.read_bytes() == b"mine", "a link is replaced, not followed"
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "eval").symlink_to(tmp_path)
    with pytest.raises(StoreError, match="not below"):
        save(table, tmp_path / "linked")


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "a//x", "..", "a\\b", "."])
def test_pictures_are_never_saved_outside(tmp_path: Path, name: str) -> None:
    from autotrack.views.pictures import save

    with autotrack.start_run() as run:
        run.log_table(name, {"fpr": STEPS, "tpr": STEPS}, kind="roc_curve")
    folder = tmp_path / "a" / "b"
    try:
        saved = save(autotrack.open_store().run(run.id).tables[name], folder)
    except StoreError:
        assert not folder.exists()
    else:
        assert saved.resolve().is_relative_to(folder.resolve())
    assert not list(tmp_path.glob("*.png"))


def test_nothing_of_matplotlib_is_touched() -> None:
    tables = [logged(name) for name in ("roc 2", "confusion 10", "trials")]
    code = (
        "import matplotlib, sys, autotrack, warnings\n"
        "warnings.simplefilter('error')\n"
        "before = matplotlib.rcParams.copy()\n"
        f"for run in {[table.run for table in tables]}:\n"
        "    (table,) = autotrack.open_store().run(run).tables.values()\n"
        "    table.plot()._repr_png_()\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
        "assert matplotlib.rcParams.copy() == before\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    table = logged("roc 2")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(
        ImportError, match=r"drawing a table needs matplotlib: pip install 'autotrack-ml\[plot\]'$"
    ) as caught:
        table.plot()
    assert isinstance(caught.value, AutotrackError)
