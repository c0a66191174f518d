rule gender:
    priority: 3  # figures show its tables: see figures.smk
    message:
        "compare genders"
    input:
        cells=f"{PROCESSED}/cells.parquet",
        code=code("gender"),
    output:
        *tables("gender"),
    params:
        settings=settings("gender", "register_", "resampling", "min_group"),
        lock=LOCK,
    log:
        "logs/{study}/gender.log",
    benchmark:
        "benchmarks/{study}/gender.tsv"
    shell:
        "python scripts/gender.py --study {wildcards.study} --processed data/processed/{wildcards.study}"
        " --out results/{wildcards.study}/tables/gender > {log} 2>&1"
