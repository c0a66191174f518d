rule confirmatory:
    priority: 2  # the longest analyses first, so that none is left to run alone
    message:
        "fit factor models of the items: how well they fit, with which loadings, and what they leave out"
    input:
        scores=f"{PROCESSED}/scores.parquet",
        code=code("confirmatory"),
    output:
        *tables("confirmatory"),
    params:
        settings=settings("confirmatory", "columns", "resampling", "min_group"),
        lock=LOCK,
    log:
        "logs/{study}/confirmatory.log",
    benchmark:
        "benchmarks/{study}/confirmatory.tsv"
    shell:
        "python scripts/confirmatory.py --study {wildcards.study} --processed data/processed/{wildcards.study}"
        " --out results/{wildcards.study}/tables/confirmatory > {log} 2>&1"
