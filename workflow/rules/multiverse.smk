rule multiverse:
    priority: 3  # figures show its tables: see figures.smk
    message:
        "compute the headline claims in every reasonable way"
    input:
        cells=f"{PROCESSED}/cells.parquet",
        schools=f"{PROCESSED}/schools.parquet",
        claims=lambda wildcards: f"config/multiverse/{STUDIES[wildcards.study].multiverse}.yaml",
        code=code("multiverse"),
    output:
        *tables("multiverse"),
    params:
        settings=settings(
            *("multiverse", "key_stages", "gender", "schools", "inspection", "survey_date", "resampling", "min_group")
        ),
        lock=LOCK,
    log:
        "logs/{study}/multiverse.log",
    benchmark:
        "benchmarks/{study}/multiverse.tsv"
    shell:
        "python scripts/multiverse.py --study {wildcards.study} --processed data/processed/{wildcards.study}"
        " --out results/{wildcards.study}/tables/multiverse > {log} 2>&1"
