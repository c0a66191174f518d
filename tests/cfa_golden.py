"""Factor models of the golden files: their scales, answers, and lavaan's numbers by the names of a model's cells."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import polars as pl
from conftest import ROOT
from golden_values import answers, golden

from learning_survey.cfa_model import Model

BFI_REVERSED = ("A1", "C4", "C5", "E1", "E2", "O2", "O5")
SYN2K = {f"Fd{f}": [f"d{f}_{i}" for i in range(1, 5)] for f in range(1, 10)}
HIGHER = {"H1": ["Fd1", "Fd2", "Fd3"], "H2": ["Fd4", "Fd5", "Fd6"], "H3": ["Fd7", "Fd8", "Fd9"]}
SHORT = {f: SYN2K[f] for f in ("Fd1", "Fd2")}


def scales(data: str) -> dict[str, list[str]]:
    """Items by factor of 'bfi' or 'syn2k', from the model in lavaan's words."""
    lines = [line.split("=~") for line in golden(f"{data}_cfa")["model"].strip().split("\n")]
    return {factor.strip(): [item.strip() for item in items.split("+")] for factor, items in lines}


@cache
def rows(data: str) -> np.ndarray:
    """Answers (N, p) in the order of the scales' items, NaN where missing; bfi's reversed items turned."""
    names, x = answers(data)
    items = [item for own in scales(data).values() for item in own]
    columns = [x[:, names.index(item)] for item in items]
    return np.column_stack([7 - c if i in BFI_REVERSED else c for i, c in zip(items, columns, strict=True)])


def complete(x: np.ndarray) -> np.ndarray:
    return x[~np.isnan(x).any(axis=1)]


@cache
def syn2k_schools() -> np.ndarray:
    return pl.read_csv(ROOT / "tests/golden/syn2k.csv")["school"].to_numpy().astype(str)


def lavaan(params: list[dict[str, Any]], model: Model, column: str) -> np.ndarray:
    """A column of lavaan's parameters in the order of the model's parameters (the first cell of each)."""
    found = {(_name(p["lhs"], p["op"], p["rhs"]), p.get("group", 1)): p[column] for p in params}
    keys = {}
    for g, cells in enumerate(model.groups.values(), 1):
        for c in cells:
            if c.label:
                keys.setdefault(c.label, (ordered(c.name), g))
    return np.array([found[keys[label]] for label in model.parameters], float)


def by_cell(params: list[dict[str, Any]], column: str) -> dict[str, float]:
    return {_name(p["lhs"], p["op"], p["rhs"]): p[column] for p in params}


def _name(lhs: str, op: str, rhs: str) -> str:
    return ordered(f"{lhs}{op}" if op == "~1" else f"{lhs}{op}{rhs}")


def ordered(name: str) -> str:
    """The name with the ends of a covariance in order: either may come first."""
    return "~~".join(sorted(name.split("~~"))) if "~~" in name else name
