rule schools:
    priority: 3  # figures show its tables: see figures.smk
    message:
        "measure how much schools differ; compare the top with the bottom"
    input:
        cells=f"{PROCESSED}/cells.parquet",
        code=code("schools"),
    output:
        *tables("schools"),
    params:
        settings=settings("schools", "key_stages", "gender", "resampling", "min_group"),
        lock=LOCK,
    log:
        "logs/{study}/schools.log",
    benchmark:
        "benchmarks/{study}/schools.tsv"
    shell:
        "python scripts/schools.py --study {wildcards.study} --processed data/processed/{wildcards.study}"
        " --out results/{wildcards.study}/tables/schools > {log} 2>&1"
