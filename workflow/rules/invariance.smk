rule invariance:
    priority: 2  # see confirmatory.smk
    message:
        "examine whether groups may be compared: measurement invariance"
    input:
        scores=f"{PROCESSED}/scores.parquet",
        code=code("invariance"),
    output:
        *tables("invariance"),
    params:
        settings=settings("invariance", "key_stages", "gender", "resampling", "min_group"),
        lock=LOCK,
    log:
        "logs/{study}/invariance.log",
    benchmark:
        "benchmarks/{study}/invariance.tsv"
    shell:
        "python scripts/invariance.py --study {wildcards.study} --processed data/processed/{wildcards.study}"
        " --out results/{wildcards.study}/tables/invariance > {log} 2>&1"
