"""Golden values of R and the data behind them, for tests: see tests/golden/README.md."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import polars as pl
from conftest import ROOT

from learning_survey.moments import Moments


@cache
def golden(name: str) -> dict[str, Any]:
    return json.loads((ROOT / "tests/golden" / f"{name}.json").read_text(encoding="utf-8"))


def matrix(entry: dict[str, Any]) -> np.ndarray:
    return np.array(entry["values"], float)


@cache
def answers(data: str) -> tuple[tuple[str, ...], np.ndarray]:
    """Item names and answers as recorded (N, p), NaN where there is none, of 'bfi' or 'syn2k'."""
    path = ROOT / ("tests/data/bfi.csv" if data == "bfi" else f"tests/golden/{data}.csv")
    names = golden("bfi_efa")["cor_pairwise"]["rows"] if data == "bfi" else golden(f"{data}_reliability_efa")["keys"]
    items = names if data == "bfi" else [item for scale in names.values() for item in scale]
    return tuple(items), pl.read_csv(path).select(pl.col(items).cast(pl.Float64)).to_numpy()


def moments(data: str, keys: list[str] | None = None, top: int = 7) -> Moments:
    """Moments of items in one cluster; ``keys`` chooses items, a leading '-' reverses one (``top`` less its code)."""
    names, x = answers(data)
    keys = list(names) if keys is None else keys
    columns = [x[:, names.index(key.removeprefix("-"))] for key in keys]
    turned = [top - c if key.startswith("-") else c for key, c in zip(keys, columns, strict=True)]
    return Moments.of(np.column_stack(turned), [k.removeprefix("-") for k in keys], np.repeat("1", len(x)))
