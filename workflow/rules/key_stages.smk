rule key_stages:
    priority: 3  # figures show its tables: see figures.smk
    message:
        "compare key stages"
    input:
        cells=f"{PROCESSED}/cells.parquet",
        code=code("key_stages"),
    output:
        *tables("key_stages"),
    params:
        settings=settings("key_stages", "register_", "resampling", "min_group"),
        lock=LOCK,
    log:
        "logs/{study}/key_stages.log",
    benchmark:
        "benchmarks/{study}/key_stages.tsv"
    shell:
        "python scripts/key_stages.py --study {wildcards.study} --processed data/processed/{wildcards.study}"
        " --out results/{wildcards.study}/tables/key_stages > {log} 2>&1"
