"""Which types of scikit-learn a model may hold to be loaded without trust, and whether their content is sound.

skops trusts estimators, numpy arrays and plain containers. Of other types that scikit-learn's models hold it says
"untrusted", and leaves the decision to its user. Those named here only hold data. Some are special: compiled code
follows indices in trees, sparse matrices and boosted stages without looking whether they are in bounds. A forged file
could make the process crash, so the indices are looked at after loading.
"""

from __future__ import annotations

import importlib
import inspect
import warnings
from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.base import BaseEstimator

from autotrack.errors import ModelError
from autotrack_sklearn.parts import parts

UNSAFE = frozenset({"sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"})
"""Types whose content cannot be checked here: their models are pickled."""

_DATA = frozenset(
    {
        "builtins.frozenset",
        "numpy.dtype",
        "numpy.mean",
        "scipy.interpolate._bsplines.BSpline",
        "scipy.sparse._csc.csc_matrix",
        "scipy.sparse._csr.csr_matrix",
        "sklearn._loss.loss.HalfTweedieLoss",
        "sklearn._loss.loss.HalfTweedieLossIdentity",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.calibration._TemperatureScaling",
        "sklearn.cluster._bisect_k_means._BisectingTree",
        "sklearn.cluster._kmeans._kmeans_single_elkan",
        "sklearn.cluster._kmeans._kmeans_single_lloyd",
        "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
        "sklearn.metrics._scorer._PassthroughScorer",
        "sklearn.metrics._scorer._Scorer",
        "sklearn.metrics._scorer._MultimetricScorer",
        "sklearn.multiclass._ConstantPredictor",
        "sklearn.neighbors._ball_tree.BallTree",
        "sklearn.neighbors._ball_tree.BallTree64",
        "sklearn.neighbors._kd_tree.KDTree",
        "sklearn.neighbors._kd_tree.KDTree64",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
        "sklearn.tree._tree.Tree",
        "sklearn.utils._bunch.Bunch",
    }
)

_PUBLIC = (
    "sklearn.feature_selection",
    "sklearn.gaussian_process.kernels",
    "sklearn.metrics",
    "sklearn.metrics._dist_metrics",
    "sklearn.model_selection",
)
"""Modules whose public classes and functions compute and do nothing else."""


def strangers(names: Iterable[str]) -> list[str]:
    """Those of the types that are not known to be harmless, sorted."""
    return sorted(name for name in names if name not in _DATA and name not in _public())


@cache
def _public() -> frozenset[str]:
    found = set()
    for home in _PUBLIC:
        module = importlib.import_module(home)
        for name in getattr(module, "__all__", None) or [n for n in vars(module) if not n.startswith("_")]:
            named: Any = vars(module).get(name)  # experimental names raise when they are asked for
            value: Any = inspect.unwrap(named)
            place = getattr(value, "__module__", None)
            if callable(value) and isinstance(place, str) and place.startswith(home):
                found.add(f"{place}.{value.__name__}")
                found.add(f"{home}.{name}")  # what it is called while autologging listens to it
    return frozenset(found)


def check(model: Any) -> None:
    """Raise ModelError unless all indices in the model are in bounds."""
    ensembles = []
    for value, owner in parts(model):
        kind = type(value).__name__
        if kind == "Tree":
            sound = _is_sound_tree(value, owner)
        elif kind in _NEIGHBORS:
            sound = _is_sound_neighbors(value, owner)
        elif scipy.sparse.issparse(value):
            sound = _is_sound_matrix(value)
        elif isinstance(value, BaseEstimator):
            sound = _has_as_many_labels(value)
            if hasattr(value, "estimators_"):
                ensembles.append(value)
        else:
            continue
        if not sound:
            raise ModelError(
                f"the file is damaged or forged: a {kind} of {type(owner).__name__} points out of its bounds"
            )
    for ensemble in ensembles:  # when everything inside has been found sound
        _check_features(ensemble)
        if type(ensemble).__module__ == "sklearn.ensemble._gb":
            _check_stages(ensemble)


_NEIGHBORS = ("KDTree", "KDTree64", "KDTree32", "BallTree", "BallTree64", "BallTree32")


def _check_features(ensemble: Any) -> None:
    """Ensembles hand their X to the trees without another look at its width."""
    members = np.asarray(ensemble.estimators_, dtype=object).ravel().tolist()
    width = getattr(ensemble, "n_features_in_", None)
    for member in members:
        if hasattr(member, "tree_") and (type(width) is not int or member.tree_.n_features > width):
            raise ModelError(f"the file is damaged or forged: a tree of {type(ensemble).__name__} expects other data")


def _is_sound_tree(tree: Any, owner: Any) -> bool:
    count = tree.node_count
    left, right, feature = tree.children_left, tree.children_right, tree.feature
    inner = np.nonzero(left != -1)[0]
    return bool(
        type(owner).__module__.startswith("sklearn.tree.")
        and owner.n_features_in_ == tree.n_features
        and (right[inner] > inner).all()
        and (left[inner] > inner).all()  # forwards: no circles
        and (left[inner] < count).all()
        and (right[inner] < count).all()
        and (feature[inner] >= 0).all()
        and (feature[inner] < tree.n_features).all()
    )


def _is_sound_neighbors(tree: Any, owner: Any) -> bool:
    data, index, nodes, bounds = (np.asarray(array) for array in tree.get_arrays())
    samples = len(data)
    number = np.arange(len(nodes))
    last = nodes["is_leaf"] != 0
    inner = number[~last]
    return bool(
        len(nodes)
        and len(index) == samples
        and (index >= 0).all()
        and (index < samples).all()
        and (nodes["idx_start"] >= 0).all()
        and (nodes["idx_start"] <= nodes["idx_end"]).all()
        and (nodes["idx_end"] <= samples).all()
        and (2 * inner + 2 < len(nodes)).all()  # the children of node i are 2 i + 1 and 2 i + 2
        and bounds.shape[1] == len(nodes)
        and bounds.shape[2] in (1, data.shape[1])
        and getattr(owner, "n_features_in_", data.shape[1]) == data.shape[1]
    )


def _is_sound_matrix(matrix: Any) -> bool:
    if matrix.format not in ("csr", "csc"):  # skops writes no others
        return False
    try:
        matrix.check_format(full_check=True)
    except ValueError:
        return False
    return bool(len(matrix.indices) == len(matrix.data))


def _has_as_many_labels(neighbors: Any) -> bool:
    """The labels of neighbors are looked up by their numbers."""
    points, labels = vars(neighbors).get("_fit_X"), vars(neighbors).get("_y")
    return points is None or labels is None or bool(np.shape(points)[:1] == np.shape(labels)[:1])


def _check_stages(boosting: Any) -> None:
    """Each stage adds the value of its trees to a row of numbers, one for each tree."""
    stages = boosting.estimators_
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the names of features
            start = boosting._raw_predict_init(np.zeros((1, boosting.n_features_in_)))  # noqa: SLF001
        sound = stages.ndim == 2 and start.shape == (1, stages.shape[1])
    except Exception:  # noqa: BLE001 - whatever a forger has left out
        sound = False
    if not sound:
        raise ModelError(f"the file is damaged or forged: the stages of {type(boosting).__name__} do not fit together")
