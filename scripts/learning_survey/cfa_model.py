"""What a factor model says: which cells of its matrices are free, fixed or equal, and the moments that they imply.

In each group, with p items and m factors (Bollen 1989, Structural Equations with Latent Variables, pp. 319-326):

    A     = (I - B)^-1                    B (m, m) regressions of factors on factors
    Sigma = L A Psi A' L' + Theta         L (p, m) loadings, Psi (m, m) and Theta (p, p) covariances
    mu    = nu + L A alpha                nu (p,) intercepts, alpha (m,) factor means

Ordinal items also have thresholds tau (p, T) and scales delta (p,), which do not enter Sigma and mu.

A free cell is one number of a matrix of one group; cells with the same label, in whatever matrix or group, are one
parameter. The derivative of Sigma by a cell has rank two: u v' + v u', and that by a cell's mu is a vector d. So a
model's derivatives are three matrices with a column per free cell (``Moments.u``, ``.v``, ``.d``), and the information
of normal data is a few products of these. Everything is a rational function of the parameters, so complex
parameters are valid: a complex step gives derivatives of gradients to machine precision (Squire & Trapp 1998, SIAM
Review 40, 110-112).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from learning_survey.errors import SurveyError

Array = NDArray[Any]  # of floats, or of complex numbers where a derivative is taken
Name = Literal["lambda", "beta", "psi", "theta", "nu", "alpha", "tau", "delta"]
SYMMETRIC = ("psi", "theta")
STEP = 1e-30  # of a complex parameter: derivatives have no rounding error of their own
OPERATORS: dict[str, str] = {
    "lambda": "{column}=~{row}",
    "beta": "{column}=~{row}",
    "psi": "{row}~~{column}",
    "theta": "{row}~~{column}",
    "nu": "{row}~1",
    "alpha": "{row}~1",
    "tau": "{row}|{column}",
    "delta": "{row}~*~{row}",
}


@dataclass(frozen=True)
class Cell:
    """One number of a matrix: ``row`` and ``column`` are items or factors; a threshold's column is t1, t2, …

    ``label`` names the parameter that it is; without one the cell is fixed at ``value``. Of a free cell ``value`` is
    where estimation starts, NaN for where the data say (``cfa_start``).
    """

    matrix: Name
    row: str
    column: str = ""
    value: float = np.nan
    label: str = ""

    @property
    def name(self) -> str:
        """As lavaan writes it: ``factor=~item``, ``higher=~factor``, ``a~~b``, ``item~1``, ``item|t1``."""
        return OPERATORS[self.matrix].format(row=self.row, column=self.column)

    def freed(self, label: str = "", start: float = np.nan) -> Cell:
        return replace(self, label=label or self.name, value=start)

    def fixed(self, value: float) -> Cell:
        return replace(self, label="", value=value)


def free(matrix: Name, row: str, column: str = "", start: float = np.nan) -> Cell:
    return Cell(matrix, row, column).freed(start=start)


def fixed(matrix: Name, row: str, column: str = "", value: float = 0.0) -> Cell:
    return Cell(matrix, row, column, value)


@dataclass(frozen=True)
class Places:
    """The free cells of one group, in columns: matrix, row, column, and the parameter that each is. Shape (c,) each."""

    matrix: NDArray[np.str_]
    row: NDArray[np.int64]
    column: NDArray[np.int64]
    parameter: NDArray[np.int64]

    @cached_property
    def _of(self) -> dict[str, NDArray[np.int64]]:
        return {name: np.flatnonzero(self.matrix == name) for name in OPERATORS}

    def of(self, matrix: str) -> NDArray[np.int64]:
        """Positions of the cells of a matrix."""
        return self._of[matrix]


@dataclass(frozen=True)
class Moments:
    """What a group's parameters imply: ``sigma`` (p, p), ``mu`` (p,), their derivatives by its c free cells.

    d sigma / d cell k = u_k v_k' + v_k u_k', with ``u``, ``v`` (p, c); d mu / d cell k = ``d`` (p, c) column k.
    ``places`` are the cells; ``total`` (m, m) is the covariance matrix of the factors.
    """

    sigma: Array
    mu: Array
    total: Array
    u: Array
    v: Array
    d: Array
    places: Places

    def jacobian(self, size: int) -> tuple[Array, Array]:
        """Derivatives of the lower triangle of sigma (row by row, p(p+1)/2) and of mu by ``size`` parameters."""
        row, column = np.tril_indices(len(self.sigma))
        cells = self.u[row] * self.v[column] + self.v[row] * self.u[column]
        select = selection(self.places.parameter, size)
        return cells @ select, self.d @ select


def cell_gradient(at: Moments, Q: Array, y: Array, size: int) -> Array:
    """Gradient by ``size`` parameters where that by Sigma is Q / 2 and that by mu is -y."""
    cells = np.sum(at.u * (Q @ at.v), axis=0) - at.d.T @ y
    return selection(at.places.parameter, size).T @ cells


def collected(cells: Array, parameter: NDArray[np.int64], size: int) -> Array:
    """Sums of a matrix by cells (c, c) over the cells of each of ``size`` parameters."""
    total = np.zeros((size, size))
    np.add.at(total, (parameter[:, None], parameter), cells)
    return total


def derivatives(function: Callable[[NDArray[Any]], NDArray[Any]], x: Array) -> Array:
    """Derivatives of a vector function by ``x`` (q,) by complex steps, shape (..., q)."""
    columns = []
    for k in range(len(x)):
        moved = x.astype(complex)
        moved[k] += 1j * STEP
        columns.append(function(moved).imag / STEP)
    return np.stack(columns, axis=-1)


def selection(parameter: NDArray[np.int64], size: int) -> Array:
    """Which cell is which parameter: (c, size) of zeros and ones."""
    return (parameter[:, None] == np.arange(size)).astype(float)


@dataclass(frozen=True)
class Model:
    """A factor model of ``items`` by ``factors`` in one or more groups, as the cells of each group.

    A cell that is not named is zero; thresholds and scales that are not named do not exist, a scale is then 1.
    Raises SurveyError for a cell that is named twice, or names something else than an item or factor.
    """

    items: tuple[str, ...]
    factors: tuple[str, ...]
    groups: Mapping[str, tuple[Cell, ...]]

    def __post_init__(self) -> None:
        names = [*self.items, *self.factors]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise SurveyError(
                f"items or factors of one name: {', '.join(twice)}", where="factor model", remedy="Rename one of each."
            )
        for group, cells in self.groups.items():
            seen: set[tuple[str, ...]] = set()
            for cell in cells:
                rows, columns = self._names(cell.matrix)
                for name, known in ((cell.row, rows), (cell.column, columns)):
                    if known is not None and name not in known:
                        raise SurveyError(
                            f"the model has no '{name}' for {cell.name}",
                            where=f"factor model, group {group}",
                            remedy=f"Name one of: {', '.join(known)}.",
                        )
                if (key := _key(cell)) in seen:
                    raise SurveyError(
                        f"{cell.name} is given twice", where=f"factor model, group {group}", remedy="Give it once."
                    )
                seen.add(key)

    def _names(self, matrix: str) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
        """What the rows and the columns of a matrix are; no columns: it is a vector."""
        rows = self.factors if matrix in ("beta", "psi", "alpha") else self.items
        columns = {"lambda": self.factors, "beta": self.factors, "psi": self.factors, "theta": self.items}
        if matrix == "tau":
            return rows, self.thresholds
        return rows, columns.get(matrix)

    @cached_property
    def thresholds(self) -> tuple[str, ...]:
        """t1, t2, … as many as the item with most of them has."""
        named = {c.column for cells in self.groups.values() for c in cells if c.matrix == "tau"}
        return tuple(sorted(named, key=lambda name: int(name.removeprefix("t"))))

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """Labels of the q parameters, in the order in which cells first name them."""
        return tuple(dict.fromkeys(c.label for cells in self.groups.values() for c in cells if c.label))

    @property
    def means(self) -> bool:
        """Whether it says anything about means."""
        return any(c.matrix in ("nu", "alpha") for cells in self.groups.values() for c in cells)

    @cached_property
    def scaled(self) -> bool:
        """Whether items' scales are in it: ordinal items, in the delta parameterisation."""
        return any(c.matrix == "delta" for cells in self.groups.values() for c in cells)

    @property
    def paths(self) -> bool:
        """Whether factors depend on factors."""
        return any(c.matrix == "beta" for cells in self.groups.values() for c in cells)

    def cell(self, group: str, matrix: str, row: str, column: str = "") -> Cell | None:
        """The cell as named, if it is."""
        ends = [(row, column), (column, row)] if matrix in SYMMETRIC else [(row, column)]
        return next((c for c in self.groups[group] if c.matrix == matrix and (c.row, c.column) in ends), None)

    # ------------------------------------------------------------ compiled

    @cached_property
    def _number(self) -> dict[str, int]:
        return {label: k for k, label in enumerate(self.parameters)}

    def at(self, cell: Cell) -> tuple[int, int]:
        """Where a cell stands in its matrix: row, column; of a vector the column is 0."""
        rows, columns = self._names(cell.matrix)
        return rows.index(cell.row), columns.index(cell.column) if columns else 0

    @cached_property
    def places(self) -> tuple[Places, ...]:
        """The free cells of each group."""
        found = []
        for cells in self.groups.values():
            free = [c for c in cells if c.label]
            at = np.array([self.at(c) for c in free], dtype=np.int64).reshape(-1, 2)
            number = np.array([self._number[c.label] for c in free], dtype=np.int64)
            found.append(Places(np.array([c.matrix for c in free], dtype="U6"), at[:, 0], at[:, 1], number))
        return tuple(found)

    @cached_property
    def fixed(self) -> tuple[dict[str, Array], ...]:
        """The matrices of each group with zeros where cells are free."""
        p, m = len(self.items), len(self.factors)
        found = []
        for cells in self.groups.values():
            full: dict[str, Array] = {
                "lambda": np.zeros((p, m)),
                "beta": np.zeros((m, m)),
                "psi": np.zeros((m, m)),
                "theta": np.zeros((p, p)),
                "nu": np.zeros((p, 1)),
                "alpha": np.zeros((m, 1)),
                "tau": np.full((p, len(self.thresholds)), np.nan),
                "delta": np.ones((p, 1)),
            }
            for cell in cells:
                at = self.at(cell)
                full[cell.matrix][at] = 0.0 if cell.label else cell.value
                if cell.matrix in SYMMETRIC:
                    full[cell.matrix][at[::-1]] = full[cell.matrix][at]
            found.append(full)
        return tuple(found)

    def matrices(self, x: Array) -> tuple[dict[str, Array], ...]:
        """The matrices of each group at parameters ``x`` (q,), by name; vectors are columns (p, 1) and (m, 1)."""
        found = []
        for full, at in zip(self.fixed, self.places, strict=True):
            own = {name: M.astype(x.dtype) for name, M in full.items()}
            for name, M in own.items():
                k = at.of(name)
                M[at.row[k], at.column[k]] = x[at.parameter[k]]
                if name in SYMMETRIC:
                    M[at.column[k], at.row[k]] = x[at.parameter[k]]
            found.append(own)
        return tuple(found)

    def implied(self, x: Array) -> tuple[Moments, ...]:
        """Implied moments of each group and their derivatives at parameters ``x`` (q,)."""
        return tuple(_moments(own, at) for own, at in zip(self.matrices(x), self.places, strict=True))

    # ------------------------------------------------------------ other models made of this one

    def with_cells(self, *cells: Cell, group: str | None = None) -> Model:
        """The model with some cells added, or changed, in one group or in all."""

        def changed(own: tuple[Cell, ...]) -> tuple[Cell, ...]:
            new = {_key(c): c for c in cells}
            return tuple(new.pop(_key(c), c) for c in own) + tuple(new.values())

        groups = {name: changed(own) if group in (None, name) else own for name, own in self.groups.items()}
        return replace(self, groups=groups)

    def relabelled(self, label: Callable[[str, Cell], str]) -> Model:
        """The model with labels of free cells by ``label(group, cell)``: how equalities are set or released."""
        return replace(
            self,
            groups={
                g: tuple(replace(c, label=label(g, c)) if c.label else c for c in own) for g, own in self.groups.items()
            },
        )

    def by_group(self, groups: Iterable[str], equal: Iterable[str] = (), except_: Iterable[str] = ()) -> Model:
        """A one-group model in several groups.

        The matrices in ``equal`` have one set of parameters for all groups, but for cells whose name is in
        ``except_``; every other free cell is a parameter of its own group.
        """
        (own,) = self.groups.values()
        shared, released = set(equal), set(except_)

        def label(group: str, c: Cell) -> str:
            return c.label if c.matrix in shared and c.name not in released else f"{c.label} ({group})"

        return replace(self, groups={str(g): own for g in groups}).relabelled(label)


def _key(cell: Cell) -> tuple[str, ...]:
    ends = sorted((cell.row, cell.column)) if cell.matrix in SYMMETRIC else (cell.row, cell.column)
    return cell.matrix, *ends


def sigma_mu(own: dict[str, Array]) -> tuple[Array, Array]:
    """What a group's matrices imply, without derivatives: sigma (p, p) and mu (p,)."""
    sigma, mu, *_ = _products(own)
    return sigma, mu


def _products(own: dict[str, Array]) -> tuple[Array, Array, Array, Array, Array, Array, Array]:
    """The products sigma, mu, A, L A, A Psi A', L A Psi A' and A alpha."""
    L, B = own["lambda"], own["beta"]
    m = L.shape[1]
    A = np.linalg.inv(np.eye(m) - B) if B.any() else np.eye(m)
    LA, total = L @ A, A @ own["psi"] @ A.T
    through, mean = L @ total, (A @ own["alpha"])[:, 0]
    return through @ L.T + own["theta"], own["nu"][:, 0] + L @ mean, A, LA, total, through, mean


def _moments(own: dict[str, Array], at: Places) -> Moments:
    sigma, mu, _, LA, total, through, mean = _products(own)
    L, p = own["lambda"], len(sigma)
    unit = np.eye(p)
    u, v, d = (np.zeros((p, len(at.row)), L.dtype) for _ in range(3))

    k, (row, column) = at.of("lambda"), _at(at, "lambda")
    u[:, k], v[:, k], d[:, k] = unit[:, row], through[:, column], unit[:, row] * mean[column]
    k, (row, column) = at.of("beta"), _at(at, "beta")
    u[:, k], v[:, k], d[:, k] = LA[:, row], through[:, column], LA[:, row] * mean[column]
    # A cell off the diagonal of a symmetric matrix stands in it twice, one on it once.
    k, (row, column) = at.of("psi"), _at(at, "psi")
    u[:, k], v[:, k] = LA[:, row] * np.where(row == column, 0.5, 1.0), LA[:, column]
    k, (row, column) = at.of("theta"), _at(at, "theta")
    u[:, k], v[:, k] = unit[:, row] * np.where(row == column, 0.5, 1.0), unit[:, column]
    d[:, at.of("nu")] = unit[:, _at(at, "nu")[0]]
    d[:, at.of("alpha")] = LA[:, _at(at, "alpha")[0]]
    return Moments(sigma, mu, total, u, v, d, at)


def _at(at: Places, matrix: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    k = at.of(matrix)
    return at.row[k], at.column[k]
