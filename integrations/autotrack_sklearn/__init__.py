"""Autologging of scikit-learn: every `fit` of a `BaseEstimator`, every search and cross-validation is a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autotrack.autolog.integration import Patches

OWN_OPTIONS = ("diagram", "heldout")
"""Options of this integration, besides those of all: ``sklearn={"diagram": True}``."""

CROSS_VALIDATION = (
    "cross_validate",
    "cross_val_score",
    "cross_val_predict",
    "learning_curve",
    "validation_curve",
    "permutation_test_score",
)
"""Functions of `sklearn.model_selection` that are one run each.

Whoever has imported them, when, and under whatever name: the functions stay the objects that they are.
"""


def install(patches: Patches) -> None:
    """Put the observers in place. Called when scikit-learn has been imported."""
    from sklearn.base import BaseEstimator

    from autotrack.autolog.integration import OPTIONS, note
    from autotrack_sklearn import convergence, heldout
    from autotrack_sklearn.observers import observe_fit, observe_resample

    for name in patches.options.keys() - {*OPTIONS, *OWN_OPTIONS}:
        note(f"autolog(sklearn={{{name!r}: ...}}) means nothing; the options are {', '.join((*OPTIONS, *OWN_OPTIONS))}")
    # A class that overrides `fit_transform` or `fit_predict` may train there without calling `fit` (e.g. TSNE).
    for name in ("fit", "fit_transform", "fit_predict", "partial_fit"):
        patches.around_subclasses(BaseEstimator, name, observe_fit)
    patches.around_subclasses(BaseEstimator, "fit_resample", observe_resample)
    convergence.install(patches)
    heldout.install(patches)
    _observe_validation(patches)


def _observe_validation(patches: Patches) -> None:
    import sklearn.model_selection

    from autotrack_sklearn.validation import observe_validation

    for name in CROSS_VALIDATION:
        patches.around(sklearn.model_selection, name, observe_validation)

    def observe_inspection() -> None:
        from sklearn import inspection  # `sklearn.inspection` is no attribute yet

        patches.around(inspection, "permutation_importance", observe_validation)

    patches.when_imported("sklearn.inspection", observe_inspection)  # it imports all ensembles
