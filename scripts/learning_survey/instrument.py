"""An instrument: its items, dimensions, response scales and bands."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from learning_survey.errors import nearest
from learning_survey.strict import Identifier, Strict


class Response(Strict):
    """The response scale: valid codes in order, and the labels that mean each code."""

    codes: list[int] = Field(min_length=2)
    labels: dict[int, list[str]]

    @model_validator(mode="after")
    def _labelled(self) -> Response:
        if self.codes != sorted(set(self.codes)):
            raise ValueError("codes must be ascending and distinct")
        if unknown := set(self.labels) - set(self.codes):
            raise ValueError(f"labels for codes that are not valid: {sorted(unknown)}")
        if bare := [c for c in self.codes if not self.labels.get(c)]:
            raise ValueError(f"no label for codes {bare}")
        return self


class Band(Strict):
    """A band of the dimension score: from ``from`` up to the next band's ``from``."""

    id: Identifier
    label: str
    start: float = Field(alias="from")
    high: bool = False


class Dimension(Strict):
    """A scale: what its items measure together."""

    id: Identifier
    label: str
    description: str = ""


class Item(Strict):
    """One question, its dimension and its direction."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
    dimension: Identifier
    wording: str
    reversed: bool = False
    role: Literal["wanted", "experienced"] | None = None
    response: Identifier | None = Field(default=None, description="one of 'responses'; without, it is 'response'")


class Factor(Strict):
    """A factor of the dimension scores, as published or expected."""

    id: Identifier
    label: str


class Scoring(Strict):
    """A dimension score is the mean of the answered items; fewer than ``min_items`` answers give none."""

    min_items: int = Field(ge=1)


class Instrument(Strict):
    """The single truth about a questionnaire."""

    id: Identifier
    title: str
    wording_source: str = ""
    response: Response
    responses: dict[Identifier, Response] = Field(
        default={}, description="further response scales by name, for items with other labels"
    )
    score: Scoring
    bands: list[Band] = Field(min_length=2)
    dimensions: list[Dimension] = Field(min_length=1)
    items: list[Item] = Field(min_length=2)
    factors: list[Factor] = Field(default=[])

    @model_validator(mode="after")
    def _consistent(self) -> Instrument:
        known = [d.id for d in self.dimensions]
        for items, what in (
            (known, "dimension"),
            ([i.id for i in self.items], "item"),
            ([b.id for b in self.bands], "band"),
        ):
            if twice := sorted({x for x in items if items.count(x) > 1}):
                raise ValueError(f"{what} ids given twice: {', '.join(twice)}")
        for item in self.items:
            if item.dimension not in known:
                raise ValueError(
                    f"item '{item.id}' has unknown dimension '{item.dimension}'. {nearest(item.dimension, known)}"
                )
            if item.response and item.response not in self.responses:
                raise ValueError(
                    f"item '{item.id}' has unknown response '{item.response}'. {nearest(item.response, self.responses)}"
                )
        ends = (self.response.codes[0], self.response.codes[-1])
        for name, scale in self.responses.items():
            if (scale.codes[0], scale.codes[-1]) != ends or set(scale.codes) - set(self.response.codes):
                raise ValueError(
                    f"responses.{name} has codes {scale.codes}, response has {self.response.codes}: items that are"
                    " averaged, and bands that hold for all of them, need one range of codes"
                )
        for d in known:
            if len(self.items_of(d)) < max(2, self.score.min_items):
                raise ValueError(
                    f"dimension '{d}' has {len(self.items_of(d))} items;"
                    f" it needs at least {max(2, self.score.min_items)}"
                )
        starts = [b.start for b in self.bands]
        if starts != sorted(set(starts)) or starts[0] != self.response.codes[0]:
            raise ValueError(f"bands must ascend and start at the lowest code, {self.response.codes[0]}")
        highs = [b.high for b in self.bands]
        if not any(highs) or highs != sorted(highs):
            raise ValueError("mark the top band or bands, and only those, with 'high: true'")
        return self

    @model_validator(mode="after")
    def _reversible(self) -> Instrument:
        for item in (i for i in self.items if i.reversed):
            codes = self.response_of(item.id).codes
            turned = [codes[0] + codes[-1] - c for c in reversed(codes)]
            if turned != codes:
                raise ValueError(
                    f"item '{item.id}' is reversed, and its codes {codes} would be {turned} when turned round: give its"
                    " answers codes that lie as far from one end as from the other"
                )
        return self

    @property
    def item_ids(self) -> list[str]:
        return [i.id for i in self.items]

    @property
    def dimension_ids(self) -> list[str]:
        return [d.id for d in self.dimensions]

    @property
    def reversed_ids(self) -> list[str]:
        return [i.id for i in self.items if i.reversed]

    def response_of(self, item: str) -> Response:
        """The response scale on which an item is answered."""
        name = next(i.response for i in self.items if i.id == item)
        return self.responses[name] if name else self.response

    @property
    def high_from(self) -> float:
        """The lowest dimension score that counts as high."""
        return min(b.start for b in self.bands if b.high)

    def items_of(self, dimension: str) -> list[str]:
        return [i.id for i in self.items if i.dimension == dimension]

    def label_of(self, dimension: str) -> str:
        return next(d.label for d in self.dimensions if d.id == dimension)
