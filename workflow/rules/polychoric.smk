rule polychoric:
    message:
        "estimate polychoric correlations and thresholds of the items"
    input:
        pairs=f"{PROCESSED}/pairs.npz",
        code=code("polychoric"),
    output:
        *tables("polychoric"),
    params:
        settings=settings("resampling", "min_group"),
        lock=LOCK,
    log:
        "logs/{study}/polychoric.log",
    benchmark:
        "benchmarks/{study}/polychoric.tsv"
    shell:
        "python scripts/polychoric.py --study {wildcards.study} --processed data/processed/{wildcards.study}"
        " --out results/{wildcards.study}/tables/polychoric > {log} 2>&1"
