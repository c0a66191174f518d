"""Tables of a report about the published figures themselves: which rotation they fit, what the effects need."""

from __future__ import annotations

from learning_survey.markdown import Source, escaped, pipe
from learning_survey.values import NOTHING, text_of

SHOWN = 6
"""How many rotations a report lists; the table has all."""


def rotation_label(row: dict) -> str:
    """A row of ``published.rotations`` in words: "Promax, power 4, Kaiser-normalised"."""
    name = row["rotation"].split("_")[0].capitalize()
    power = "" if row["kappa"] is None else f", power {row['kappa']:.0f}"
    return f"{name}{power}{', Kaiser-normalised' if row['kaiser'] else ''}"


def published_rotations(s: Source) -> str | None:
    """Each rotation: its distance from the printed loadings, its factor correlations, the alpha it implies."""
    table = "published.rotations"
    every = sorted(s.rows(table), key=lambda r: r["rank"])
    ranked = [r for i, r in enumerate(every) if i < SHOWN or r["chosen"]]
    factors = {f.id: f.label for f in s.study.instrument.factors}
    rows = []
    for r in ranked:
        phi = s.rows("published.phi", rotation=r["rotation"])
        alpha = s.one("published.alpha", rotation=r["rotation"])
        shown = [
            escaped(rotation_label(r)),
            s.cell(table, r, "rms_bounded"),
            ", ".join(s.cell("published.phi", x, "phi_bounded") for x in phi),
            s.cell("published.alpha", alpha, "alpha"),
        ]
        rows.append([f"**{x}**" if r["chosen"] and i == 0 else x for i, x in enumerate(shown)])
    if not rows:
        return None
    pairs = s.rows("published.phi", rotation=ranked[0]["rotation"])
    words = ", ".join(f"{factors[p['factor_a']]} with {factors[p['factor_b']]}" for p in pairs)
    printed = s.one("published.alpha", rotation=ranked[0]["rotation"])["printed"]
    caption = (
        f"The {len(ranked)} of {len(every)} rotations that come nearest to the printed loadings. Distance: root mean"
        f" square difference. Correlations: {escaped(words)}. Alpha: of all items, as implied"
        + ("" if printed is None else f"; {text_of(printed, 'alpha')} is printed")
        + ". No communality is above its printed alpha. Bold: the nearest of those that imply the printed alpha."
    )
    header = ["Rotation", "Distance", "Correlations of factors", "Alpha"]
    return pipe(header, "lrrr", rows, caption, "published-rotations")


def published_effects(s: Source) -> str | None:
    """Each printed difference between the two schools: what spread of schools it fits, what standardiser it needs."""
    table = "published.effects"
    rows = [
        [
            escaped(s.label(r["dimension"])),
            s.cell(table, r, "d"),
            s.cell(table, r, "icc_total"),
            s.cell(table, r, "design_effect"),
            *(s.cell(table, r, c) if r["gap"] is not None else NOTHING for c in ("gap", "standardiser_least")),
        ]
        for r in s.rows(table)
    ]
    caption = (
        "Printed differences between the top and the bottom school. Between schools: the share of variance that would"
        " put the two extremes of so many schools so far apart. Standardiser: the least that the difference can be"
        " counted in, given the printed gap, in units of the spread inside the schools."
    )
    header = ["Dimension", "Difference", "Between schools", "Design effect", "Gap (points)", "Standardiser"]
    return pipe(header, "lrrrrr", rows, caption, "published-effects") if rows else None
