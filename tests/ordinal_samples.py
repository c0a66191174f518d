"""Ordinal answers of the golden data sets as samples for weighted least squares."""

from __future__ import annotations

import numpy as np
import polars as pl
from conftest import ROOT
from golden_values import answers, golden

from learning_survey import cfa_wls_moments
from learning_survey.polychoric_estimates import polychoric
from learning_survey.two_way import TwoWay, choices

REVERSED = ("A1", "C4", "C5", "E1", "E2", "O2", "O5")


def sample_of(x, codes, names=None) -> cfa_wls_moments.Sample:
    """Of rows of answers (N, p), NaN where there is none, and the codes of each item."""
    names = [f"i{j + 1}" for j in range(x.shape[1])] if names is None else names
    chosen = choices(x, codes)
    tables = TwoWay.of(chosen, names, codes, np.repeat([["1", "", ""]], len(x), axis=0)).pooled()
    return cfa_wls_moments.sample(polychoric(tables), chosen)


def scales_of(syntax: str) -> dict[str, list[str]]:
    """Items by factor of a model written for lavaan."""
    parts = (line.split("=~") for line in syntax.splitlines())
    return {factor.strip(): [i.strip() for i in items.split("+")] for factor, items in parts}


def items_of(data: str, scales: dict[str, list[str]]) -> tuple[np.ndarray, list[tuple[int, ...]], list[str]]:
    """Answers, codes and names of the items of a model, in the direction of the model."""
    names, x = answers(data)
    items = [i for own in scales.values() for i in own]
    x = x[:, [names.index(i) for i in items]].copy()
    top = 6 if data == "bfi" else 5
    for j in np.flatnonzero(np.isin(items, REVERSED)):
        x[:, j] = top + 1 - x[:, j]
    return x, [tuple(range(1, top + 1))] * len(items), items


def complete(x):
    """The rows without a gap."""
    return x[~np.isnan(x).any(axis=1)]


def by_gender() -> tuple[dict[str, list[str]], list[str], list[cfa_wls_moments.Sample]]:
    """Scales and items of bfi, and the samples of its male and its female respondents."""
    scales = scales_of(golden("bfi_cfa")["model"])
    x, codes, items = items_of("bfi", scales)
    gender = pl.read_csv(ROOT / "tests/data/bfi.csv")["gender"].to_numpy()
    return scales, items, [sample_of(complete(x[gender == g]), codes, items) for g in ("male", "female")]
