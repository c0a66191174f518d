"""Samples for the mixed models: rows to cells, the goldens of R, and a slow, plain calculation of the same model."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
from conftest import ROOT

from learning_survey.mixed import Data

GOLDEN = json.loads((ROOT / "tests/golden/mixed.json").read_text(encoding="utf-8"))
MODELS = ("sample_main", "sample_interaction", "exam")


def cells(X: np.ndarray, school: np.ndarray, y: np.ndarray, centre: float | None = None) -> Data:
    """Rows with the same school and design joined."""
    centre = float(y.mean()) if centre is None else centre
    school = np.unique(school, return_inverse=True)[1]
    keys, at = np.unique(np.column_stack([school, X]), axis=0, return_inverse=True)
    at = at.ravel()
    n, s, q = (np.bincount(at, w, len(keys)) for w in (np.ones(len(y)), y - centre, (y - centre) ** 2))
    return Data(keys[:, 1:], keys[:, 0].astype(np.int64), n, s, q, centre)


def dummies(*factors: tuple[np.ndarray, list[str]], interaction: bool = False) -> np.ndarray:
    """A constant and treatment-coded columns, as R makes them; products of two factors last."""
    columns = [[(f == level).astype(float) for level in levels[1:]] for f, levels in factors]
    out = [np.ones(len(factors[0][0])), *(c for own in columns for c in own)]
    if interaction:
        out += [a * b for b in columns[1] for a in columns[0]]
    return np.column_stack(out)


def golden_rows(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Design, school and score of each row of a model of ``GOLDEN``."""
    if name == "exam":
        d = pd.read_csv(ROOT / "tests/data/multilevel/exam.csv")
        band = np.select([d["standLRT"] <= -0.6, d["standLRT"] <= 0.6], ["low", "mid"], "top")
        X = dummies((band, ["low", "mid", "top"]), (d["sex"].to_numpy(), ["F", "M"]), interaction=True)
        return X, d["school"].to_numpy(), d["normexam"].to_numpy()
    d = pd.read_csv(ROOT / "tests/golden/mixed_sample.csv")
    factors = (
        (d["stage"].to_numpy(), ["KS1", "KS2", "KS3", "KS4"]),
        (d["gender"].to_numpy(), ["boys", "girls", "other"]),
    )
    return dummies(*factors, interaction=name.endswith("interaction")), d["school"].to_numpy(), d["y"].to_numpy()


def golden(name: str) -> Data:
    return cells(*golden_rows(name))


def drawn(
    rng: np.random.Generator, size: np.ndarray, tau: float = 0.5, mean: float = 3.0, columns: int = 3
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of schools of the given sizes: a constant, a dummy of students and, from three columns on, of schools."""
    school = np.repeat(np.arange(len(size)), size)
    X = [np.ones(len(school)), rng.integers(0, 2, len(school)).astype(float)]
    X += [(rng.random(len(size)) < 0.5).astype(float)[school] for _ in range(columns - 2)]
    X = np.column_stack(X)
    y = mean + X[:, 1:].sum(axis=1) * 0.3 + tau * rng.standard_normal(len(size))[school]
    return X, school, y + rng.standard_normal(len(school))


def dense(rows: tuple[np.ndarray, np.ndarray, np.ndarray], theta: float, sigma2: float, reml: bool = True) -> float:
    """-2 log-likelihood of (θ, σ²) with the covariance matrix of all students written out."""
    X, school, y = rows
    V = sigma2 * (np.eye(len(y)) + theta * (school[:, None] == school))
    inverse = np.linalg.inv(V)
    beta = np.linalg.solve(X.T @ inverse @ X, X.T @ inverse @ y)
    r = y - X @ beta
    p = X.shape[1] if reml else 0
    out = (len(y) - p) * np.log(2 * np.pi) + np.linalg.slogdet(V)[1] + r @ inverse @ r
    return out + np.linalg.slogdet(X.T @ inverse @ X)[1] if reml else out
