rule factors:
    priority: 3  # figures show its tables: see figures.smk
    message:
        "factor the dimensions and the items; align loadings with any that are published"
    input:
        scores=f"{PROCESSED}/scores.parquet",
        moments=f"{PROCESSED}/moments.npz",
        pairs=f"{PROCESSED}/pairs.npz",
        published=lambda wildcards: published(wildcards)[:1],
        code=code("factors"),
    output:
        *tables("factors"),
    params:
        settings=settings("factors", "published", "resampling", "min_group"),
        lock=LOCK,
    log:
        "logs/{study}/factors.log",
    benchmark:
        "benchmarks/{study}/factors.tsv"
    shell:
        "python scripts/factors.py --study {wildcards.study} --processed data/processed/{wildcards.study}"
        " --out results/{wildcards.study}/tables/factors > {log} 2>&1"
