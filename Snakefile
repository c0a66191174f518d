"""Learning Survey: from raw exports to an audited report.

    make                          build the studies named in config/config.yaml
    make report STUDY=bfi         build another one
    snakemake --cores all         the same, inside the environment
    snakemake --cores all --config study=bfi

One rule file per stage, in the order that data flow.
"""

include: "workflow/rules/common.smk"
include: "workflow/rules/simulate.smk"
include: "workflow/rules/ingest.smk"
include: "workflow/rules/clean.smk"
include: "workflow/rules/score.smk"
include: "workflow/rules/describe.smk"
include: "workflow/rules/reliability.smk"
include: "workflow/rules/missing.smk"
include: "workflow/rules/polychoric.smk"
include: "workflow/rules/factors.smk"
include: "workflow/rules/confirmatory.smk"
include: "workflow/rules/invariance.smk"
include: "workflow/rules/key_stages.smk"
include: "workflow/rules/gender.smk"
include: "workflow/rules/schools.smk"
include: "workflow/rules/inspection.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/multiverse.smk"
include: "workflow/rules/published.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/values.smk"
include: "workflow/rules/scorecard.smk"
include: "workflow/rules/verdicts.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/audit.smk"


rule all:
    default_target: True
    input:
        [report_files(name) for name in STUDIES],
        expand("results/{study}/audit/manifest.csv", study=STUDIES),
