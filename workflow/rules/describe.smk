rule describe:
    priority: 3  # figures show its tables: see figures.smk
    message:
        "describe items, dimensions and bands, with intervals by school"
    input:
        scores=f"{PROCESSED}/scores.parquet",
        moments=f"{PROCESSED}/moments.npz",
        code=code("describe"),
    output:
        *tables("describe"),
    params:
        settings=settings("register_", "resampling", "min_group"),
        lock=LOCK,
    log:
        "logs/{study}/describe.log",
    benchmark:
        "benchmarks/{study}/describe.tsv"
    shell:
        "python scripts/describe.py --study {wildcards.study} --processed data/processed/{wildcards.study}"
        " --out results/{wildcards.study}/tables/describe > {log} 2>&1"
