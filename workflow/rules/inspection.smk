rule inspection:
    message:
        "compare schools by inspection rating"
    input:
        scores=f"{PROCESSED}/scores.parquet",
        moments=f"{PROCESSED}/moments.npz",
        schools=f"{PROCESSED}/schools.parquet",
        code=code("inspection"),
    output:
        *tables("inspection"),
    params:
        settings=settings("inspection", "schools", "resampling", "min_group"),
        lock=LOCK,
    log:
        "logs/{study}/inspection.log",
    benchmark:
        "benchmarks/{study}/inspection.tsv"
    shell:
        "python scripts/inspection.py --study {wildcards.study} --processed data/processed/{wildcards.study}"
        " --out results/{wildcards.study}/tables/inspection > {log} 2>&1"
