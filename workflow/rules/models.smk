rule models:
    message:
        "fit mixed models of students in schools"
    input:
        cells=f"{PROCESSED}/cells.parquet",
        schools=f"{PROCESSED}/schools.parquet",
        code=code("models"),
    output:
        *tables("models"),
    params:
        settings=settings("key_stages", "gender", "register_", "models", "resampling", "min_group"),
        lock=LOCK,
    log:
        "logs/{study}/models.log",
    benchmark:
        "benchmarks/{study}/models.tsv"
    shell:
        "python scripts/models.py --study {wildcards.study} --processed data/processed/{wildcards.study}"
        " --out results/{wildcards.study}/tables/models > {log} 2>&1"
