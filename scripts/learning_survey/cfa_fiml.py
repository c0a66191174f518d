"""Full-information maximum likelihood: a factor model from all answers, however many are missing.

Each row adds the normal loglikelihood of what it answered (Arbuckle 1996, in Advanced Structural Equation Modeling,
243-277). With W the inverse of a pattern's part of Sigma and zero elsewhere, y = W (x - mu) of a row,
n the rows of a pattern and A = sum of y y':

    gradient of -loglikelihood    1/2 tr((sum n W - A) dSigma) - (sum y)' dmu
    observed information          sum of tr(dSigma W dSigma (A - n W / 2)) + dmu' (n W) dmu + 2 dmu' W dSigma y
                                  + what second derivatives of Sigma and mu add to the gradient

(Savalei 2010, Structural Equation Modeling 17, 205-238, compares it with the expected one.) W comes from K = Sigma^-1
and the missing answers' block of it, as in ``em``, so that a row costs what it lacks. Patterns enter the information
as one product of two matrices with a row per pattern.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from learning_survey import cfa_builders, cfa_ml, em
from learning_survey.cfa_hessian import curvature
from learning_survey.cfa_ml import Fit, Sample, full_rank, scored
from learning_survey.cfa_model import Model, Moments, cell_gradient, collected
from learning_survey.cfa_robust import Robust, by_parameter, of_units, result, row_scores
from learning_survey.errors import SurveyError

Array = NDArray[np.float64]
CHUNK = 2_000  # patterns or rows held at once


@dataclass(frozen=True)
class Data:
    """One group's rows, in units of ``answers.scale`` from ``answers.centre``, and their free moments ``free``.

    ``whole`` are the complete rows; ``cluster_whole`` and ``cluster_part`` the clusters of complete and other rows,
    where they are ``clustered``.
    """

    answers: em.Answers
    free: em.Fit
    whole: Array
    clustered: bool
    cluster_whole: NDArray[np.str_]
    cluster_part: NDArray[np.str_]

    @classmethod
    def of(cls, x: Array, cluster: NDArray[np.str_] | None = None) -> Data:
        """Of rows (N, p), NaN where missing; rows without any answer are left out.

        Raises SurveyError where EM has no answer.
        """
        where = "full-information maximum likelihood"
        answers = em.arranged([x])
        if answers is None:
            raise SurveyError(
                "an item without variance, or two that hardly anyone answered both",
                where=where,
                remedy="Leave the item out, or join the group with another.",
            )
        free = em.fit(answers)
        if free is None:
            raise SurveyError(
                "the covariances of the items are singular, or their estimation does not settle",
                where=where,
                remedy="Use complete rows; look for items that are made of others.",
            )
        seen = ~np.isnan(x)
        whole, part = seen.all(axis=1), ~seen.all(axis=1) & seen.any(axis=1)
        labels = np.zeros(len(x), "U1") if cluster is None else cluster
        z = (x[whole] - answers.centre) / answers.scale
        return cls(answers, free, z, cluster is not None, labels[whole], labels[part])

    @property
    def sample(self) -> Sample:
        """Maximum-likelihood moments without a model."""
        return Sample(self.answers.n, self.free.mean, self.free.cov)

    def scaled(self, at: Moments) -> Moments:
        """Implied moments and derivatives in the unit of the rows."""
        a = self.answers
        column = a.scale[:, None]
        return replace(
            at,
            sigma=at.sigma / np.outer(a.scale, a.scale),
            mu=(at.mu - a.centre) / a.scale,
            u=at.u / column,
            v=at.v / column,
            d=at.d / column,
        )


def fit(model: Model, data: Sequence[Data], x: Array | None = None) -> Fit:
    """Estimates of ``model``, which has means, from all answers of each of its groups.

    It starts from the model's fit to the moments that EM gives and goes on with the information of that place.
    Raises what ``cfa_ml.fit`` raises.
    """
    if not model.means:
        raise ValueError("missing answers need a model with means")
    samples = [d.sample for d in data]
    first = cfa_ml.fit(model, samples, x)
    n = first.n
    guide = information(model, data, first.x)
    if not full_rank(guide) or np.linalg.eigvalsh(guide)[0] <= 0:
        guide = first.information

    def objective(at: Array) -> tuple[float, Array, Array] | None:
        found = loss(model, data, at)
        return None if found is None else (found[0] / n, found[1] / n, guide)

    at, converged, steps = scored(first.x, objective)
    value, _ = loss(model, data, at)
    observed = information(model, data, at)
    saturated = sum(d.free.loglikelihood() for d in data)
    return replace(
        first,
        x=at,
        chi2=max(2 * (saturated + value), 0.0),
        loglikelihood=-value,
        saturated=saturated,
        information=observed,
        identified=full_rank(observed) and first.identified,
        converged=converged and first.converged,
        steps=first.steps + steps,
    )


def independence(items: Sequence[str], data: Sequence[Data], groups: Sequence[str] = ("all",)) -> Fit:
    """The fit of items that do not correlate: each one's own mean and variance over the rows that answer it.

    Its information is diagonal: count / (2 variance^2) of a variance, count / variance of a mean.
    """
    model = cfa_builders.baseline(items, means=True)
    model = model if len(groups) == 1 else model.by_group(groups)
    n, parts = sum(d.answers.n for d in data), [_alone(d.answers) for d in data]
    x = np.concatenate([np.append(variance, mean) for _, mean, variance in parts])
    bits = np.concatenate([np.append(count / (2 * v**2), count / v) for count, _, v in parts]) / n
    loglikelihood = -sum(float(count @ (np.log(2 * np.pi * v) + 1)) / 2 for count, _, v in parts)
    saturated = sum(d.free.loglikelihood() for d in data)
    return Fit(
        model=model,
        x=x,
        n=n,
        samples=tuple(d.sample for d in data),
        chi2=2 * (saturated - loglikelihood),
        df=cfa_ml.degrees(model),
        loglikelihood=loglikelihood,
        saturated=saturated,
        information=np.diag(bits),
        identified=True,
        converged=True,
        steps=0,
    )


def _alone(a: em.Answers) -> tuple[Array, Array, Array]:
    """Answers to each item, their mean and variance, (p,) each."""
    count = np.full(len(a.centre), float(a.complete)) + sum(g.seen.sum(axis=0) for g in a.groups)
    mean = (a.sums + sum(g.z.sum(axis=0) for g in a.groups)) / count
    square = (np.diag(a.cross) + sum((g.z**2).sum(axis=0) for g in a.groups)) / count
    return count, a.centre + a.scale * mean, a.scale**2 * (square - mean**2)


@dataclass(frozen=True)
class Free:
    """A group's free moments, in the order of ``cfa_builders.saturated``: matrices (r, r) per respondent.

    ``information`` is observed, ``whole`` what it would be without gaps, ``meat`` the mean products of scores by
    respondent or cluster.
    """

    information: Array
    whole: Array
    meat: Array

    @classmethod
    def of(cls, d: Data) -> Free:
        s, p = d.sample, len(d.free.mean)
        model = cfa_builders.saturated([f"item {i}" for i in range(p)])
        x = np.array([*s.cov[np.tril_indices(p)], *s.mean])
        whole = cfa_ml.cell_information(model.implied(x)[0], np.linalg.inv(s.cov), len(x))
        return cls(information(model, [d], x), whole, _meat(model, x, [d])[0] / s.n)

    @cached_property
    def bread(self) -> Array:
        return cfa_ml.inverse(self.information)

    @cached_property
    def sandwich(self) -> Array:
        return self.bread @ self.meat @ self.bread


def robust(fit: Fit, data: Sequence[Data], free: Sequence[Free] = ()) -> Robust:
    """Errors and chi-square by unit: cluster where ``data`` have them, else respondent.

    ``free`` are the ``Free`` of ``data``, for several models of the same data.
    """
    meat, units = _meat(fit.model, fit.x, data)
    trace = sum(float(np.sum(own.bread * own.meat)) for own in free or map(Free.of, data))
    return result(fit, fit.information, meat / fit.n, trace, units)


# ---------------------------------------------------------------- pieces


def loss(model: Model, data: Sequence[Data], x: Array) -> tuple[float, Array] | None:
    """Minus the loglikelihood and its gradient; None where Sigma is not positive definite."""
    value, gradient = 0.0, np.zeros(len(x))
    for d, at in zip(data, model.implied(x), strict=True):
        own = d.scaled(at)
        try:
            np.linalg.cholesky(own.sigma)
        except np.linalg.LinAlgError:
            return None
        loss, Q, y = _observed(d.answers, own.mu, own.sigma)
        value += loss
        gradient += cell_gradient(own, Q, y, len(x))
    return value, gradient


def _observed(a: em.Answers, mean: Array, cov: Array) -> tuple[float, Array, Array]:
    """Minus the loglikelihood, and sum n W - A (p, p) and sum y (p,) in the unit of the rows."""
    K, p = np.linalg.inv(cov), len(mean)
    t, second = _complete(a, mean)
    y, A = K @ t, K @ second @ K
    logdet, unit = np.linalg.slogdet(cov)[1], np.log(2 * np.pi) + 2 * np.log(a.scale)
    twice, gone = a.complete * (logdet + unit.sum()) + np.sum(K * second), np.zeros((p, p))
    for g in a.groups:
        inverses = g.inverses(K)
        rows, d = _weighted(g, mean, K, inverses)
        twice += g.count @ (logdet + _logdets(g, K)) + (g.seen @ unit).sum() + np.sum(rows * d)
        y, A = y + rows.sum(axis=0), A + rows.T @ rows
        np.add.at(gone, (g.gone[:, :, None], g.gone[:, None, :]), inverses * g.count[:, None, None])
    return float(twice / 2), a.n * K - K @ gone @ K - A, y


def _complete(a: em.Answers, mean: Array) -> tuple[Array, Array]:
    """Sum and products of the complete rows' deviations from ``mean``."""
    across = np.outer(a.sums, mean)
    return a.sums - a.complete * mean, a.cross - across - across.T + a.complete * np.outer(mean, mean)


def _logdets(g: em.Group, K: Array) -> Array:
    return np.linalg.slogdet(g.blocks(K))[1] if g.gone.shape[1] else np.zeros(len(g.count))


def _weighted(g: em.Group, mean: Array, K: Array, inverses: Array) -> tuple[Array, Array]:
    """What W (x - mu) is for each row, shape (N, p), zero where missing, and x - mu."""
    d = g.z - mean * g.seen
    y, missing = d @ K, g.missing()
    part = np.einsum("nij,nj->ni", inverses[g.pattern], np.take_along_axis(y, missing, axis=1))
    gone = np.zeros_like(y)
    np.put_along_axis(gone, missing, part, axis=1)
    return (y - gone @ K) * g.seen, d


def information(model: Model, data: Sequence[Data], x: Array) -> Array:
    """Observed information per respondent (q, q) at ``x``."""
    q, n = len(x), sum(d.answers.n for d in data)
    total, slopes = np.zeros((q, q)), []
    for d, at in zip(data, model.implied(x), strict=True):
        own = d.scaled(at)
        total += collected(_cells(d.answers, own), own.places.parameter, q)
        _, Q, y = _observed(d.answers, own.mu, own.sigma)
        slopes.append((Q / np.outer(d.answers.scale, d.answers.scale), y / d.answers.scale))

    total += curvature(model, x, slopes)
    return (total + total.T) / (2 * n)


def _cells(a: em.Answers, at: Moments) -> Array:
    """The information by cells (c, c) without what curvature of Sigma and mu adds."""
    p, c = at.u.shape
    row, column = np.tril_indices(p)
    T, X, N = np.zeros((len(row), len(row))), np.zeros((len(row), p)), np.zeros((p, p))
    for W, n, A, y in _patterns(a, at.mu, np.linalg.inv(at.sigma)):
        T += W.T @ (A - W * n[:, None] / 2)
        X += W.T @ y
        N[row, column] += n @ W
    N = np.where(np.tri(p, dtype=bool), N, N.T)
    place = np.zeros((p, p), np.int64)
    place[row, column] = place[column, row] = np.arange(len(row))
    # T[(a, b), (c, d)] is the sum of W[a, b] B[c, d]; tr(E W F B) is E[d, a] W[a, b] F[b, c] B[c, d].
    M = T[place[:, :, None, None], place[None, None]].transpose(0, 3, 1, 2).reshape(p * p, p * p)
    E = (at.u[:, None] * at.v + at.v[:, None] * at.u).reshape(p * p, c)
    cross = at.d.T @ X[place].reshape(p, p * p) @ E
    return E.T @ M @ E + at.d.T @ N @ at.d + cross + cross.T


def _patterns(a: em.Answers, mean: Array, K: Array) -> Iterator[tuple[Array, Array, Array, Array]]:
    """By chunks of P patterns: lower triangles of W (P, p*) and A (P, p*), rows n (P,) and sum y (P, p)."""
    p = len(mean)
    row, column = np.tril_indices(p)
    if a.complete:
        t, second = _complete(a, mean)
        y = K @ t
        yield K[row, column][None], np.array([float(a.complete)]), (K @ second @ K)[row, column][None], y[None]
    for g in a.groups:
        inverses = g.inverses(K)
        y, _ = _weighted(g, mean, K, inverses)
        order = np.argsort(g.pattern, kind="stable")
        ends = np.concatenate([[0], np.cumsum(g.count)])
        for start in range(0, len(g.count), CHUNK):
            chosen = slice(start, min(start + CHUNK, len(g.count)))
            rows = y[order[ends[chosen.start] : ends[chosen.stop]]]
            first = ends[chosen.start : chosen.stop] - ends[chosen.start]
            away = K[g.gone[chosen]]
            W = K - np.swapaxes(away, 1, 2) @ (inverses[chosen] @ away)
            products = np.add.reduceat(rows[:, row] * rows[:, column], first)
            yield W[:, row, column], g.count[chosen].astype(float), products, np.add.reduceat(rows, first)


def _meat(model: Model, x: Array, data: Sequence[Data]) -> tuple[Array, int]:
    """Sum of products of scores by unit (q, q), and the number of units."""
    q = len(x)
    if not data[0].clustered:
        meat = np.zeros((q, q))
        for scores, _ in _scores(model, x, data):
            meat += scores.T @ scores
        return meat, sum(d.answers.n for d in data)
    known = np.unique(np.concatenate([c for d in data for c in (d.cluster_whole, d.cluster_part)]))
    total = np.zeros((len(known), q))
    for scores, labels in _scores(model, x, data):
        order = np.argsort(labels, kind="stable")
        own, first = np.unique(labels[order], return_index=True)
        total[np.searchsorted(known, own)] += np.add.reduceat(scores[order], first)
    return of_units(total)


def _scores(model: Model, x: Array, data: Sequence[Data]) -> Iterator[tuple[Array, NDArray[np.str_]]]:
    """Scores of rows by parameter (N, q) and their clusters, some rows at a time."""
    for d, at in zip(data, model.implied(x), strict=True):
        own = d.scaled(at)
        K = np.linalg.inv(own.sigma)
        KU, KV = K @ own.u, K @ own.v
        within = np.sum(own.u * KV, axis=0)
        for start in range(0, len(d.whole), CHUNK):
            y = (d.whole[start : start + CHUNK] - own.mu) @ K
            yield by_parameter(own, row_scores(own, y, within), len(x)), d.cluster_whole[start : start + CHUNK]
        for g in d.answers.groups:
            inverses = g.inverses(K)
            y, _ = _weighted(g, own.mu, K, inverses)
            order = np.argsort(g.pattern, kind="stable")
            for start in range(0, len(order), CHUNK):
                at_rows = order[start : start + CHUNK]
                chosen, pattern = np.unique(g.pattern[at_rows], return_inverse=True)
                gone = g.gone[chosen]
                less = np.einsum("pkc,pkc->pc", KU[gone], inverses[chosen] @ KV[gone])
                scores = row_scores(own, y[at_rows], (within - less)[pattern])
                yield by_parameter(own, scores, len(x)), d.cluster_part[g.at[at_rows]]
