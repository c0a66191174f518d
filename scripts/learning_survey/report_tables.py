"""Tables of a report: Markdown pipe tables with captions, made from the aggregate tables.

Each function takes ``Source`` and returns a table, or None where the study does not have it. A table fits a portrait A4
page, names things by their labels, and each number carries a note with its interval and its row.
"""

from __future__ import annotations

from collections.abc import Callable

from learning_survey.effect_tables import gender_effects, key_stage_effects
from learning_survey.factor_tables import general_factor, item_loadings, loadings, phi, retention
from learning_survey.group_tables import gender, key_stages
from learning_survey.markdown import Source
from learning_survey.measurement_tables import (
    confirmatory,
    invariance,
    invariance_items,
    invariance_verdicts,
    latent_means,
    reliability_gender,
    reliability_key_stages,
    reliability_more,
)
from learning_survey.missing_tables import missing_groups, missing_treatments
from learning_survey.model_tables import models
from learning_survey.published_tables import published_effects, published_rotations
from learning_survey.sample_tables import careless, careless_sensitivity, flow, instrument, sample, taken, unmapped
from learning_survey.scale_tables import bands, contrasts, items, ranked_items, reliability, share_high
from learning_survey.school_tables import cultures, extremes, gaps, inspection, ratings, schools
from learning_survey.scorecard_tables import scorecard, scorecard_failures, scorecard_totals
from learning_survey.verdict_tables import families, multiverse, verdicts

TABLES: dict[str, Callable[[Source], str | None]] = {
    f.__name__: f
    for f in (
        flow,
        taken,
        unmapped,
        sample,
        careless,
        careless_sensitivity,
        missing_groups,
        missing_treatments,
        instrument,
        reliability,
        reliability_more,
        reliability_key_stages,
        reliability_gender,
        confirmatory,
        invariance,
        invariance_verdicts,
        invariance_items,
        latent_means,
        share_high,
        bands,
        items,
        ranked_items,
        contrasts,
        loadings,
        item_loadings,
        retention,
        phi,
        general_factor,
        key_stages,
        key_stage_effects,
        gender,
        gender_effects,
        schools,
        extremes,
        gaps,
        cultures,
        inspection,
        ratings,
        models,
        published_rotations,
        published_effects,
        verdicts,
        multiverse,
        families,
        scorecard_totals,
        scorecard_failures,
        scorecard,
    )
}
