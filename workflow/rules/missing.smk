rule missing:
    message:
        "show where answers are missing and what difference their treatment makes"
    input:
        scores=f"{PROCESSED}/scores.parquet",
        moments=f"{PROCESSED}/moments.npz",
        cells=f"{PROCESSED}/cells.parquet",
        code=code("missing"),
    output:
        *tables("missing"),
    params:
        settings=settings("columns", "key_stages", "gender", "resampling", "min_group"),
        lock=LOCK,
    log:
        "logs/{study}/missing.log",
    benchmark:
        "benchmarks/{study}/missing.tsv"
    shell:
        "python scripts/missing.py --study {wildcards.study} --processed data/processed/{wildcards.study}"
        " --out results/{wildcards.study}/tables/missing > {log} 2>&1"
