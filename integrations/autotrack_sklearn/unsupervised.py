"""Metrics of models that were fitted without a target."""

from __future__ import annotations

import numpy as np
from sklearn import metrics

from autotrack_sklearn.budget import first, timed
from autotrack_sklearn.jobs import Job, last


def clusterer(job: Job) -> None:
    """How well the clusters are separated."""
    data, learner = job.prepared()
    labels = learner.labels_
    if not 2 <= len(np.unique(labels)) < job.count == len(labels) or not hasattr(data, "shape") or len(data.shape) != 2:
        return
    if not hasattr(data, "tocsr"):
        job.seek("calinski_harabasz_score and train/davies_bouldin_score")
        job.budget.check(5e-9 * data.shape[0] * data.shape[1] * 8)  # both read all data several times: 5 ns a byte
        job.found(calinski_harabasz_score=float(metrics.calinski_harabasz_score(data, labels)))
        job.found(davies_bouldin_score=float(metrics.davies_bouldin_score(data, labels)))
    if getattr(learner, "metric", None) != "precomputed":
        job.seek("silhouette_score")
        size = 50
        seconds = timed(metrics.pairwise_distances, first(data, size))
        if job.count > 500:
            job.budget.check(100 * seconds)
            size = 500
            seconds = timed(metrics.pairwise_distances, first(data, size))
        if job.count > size:  # distances of all pairs, and about as long again to sum them up
            job.budget.check(2 * seconds * (job.count / size) ** 2)
        job.found(silhouette_score=float(metrics.silhouette_score(data, labels)))


def transformer(job: Job) -> None:
    """How much of the variance the components hold."""
    job.found(explained_variance_ratio=float(np.sum(last(job.estimator).explained_variance_ratio_)))
