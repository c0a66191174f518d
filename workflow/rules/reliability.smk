rule reliability:
    priority: 1  # see confirmatory.smk
    message:
        "estimate reliability for each dimension and overall, by key stage and gender"
    input:
        scores=f"{PROCESSED}/scores.parquet",
        moments=f"{PROCESSED}/moments.npz",
        by_group=f"{PROCESSED}/moments_group.npz",
        by_gender=f"{PROCESSED}/moments_gender.npz",
        pairs=f"{PROCESSED}/pairs.npz",
        code=code("reliability"),
    output:
        *tables("reliability"),
    params:
        settings=settings("key_stages", "gender", "schools", "resampling", "min_group"),
        lock=LOCK,
    log:
        "logs/{study}/reliability.log",
    benchmark:
        "benchmarks/{study}/reliability.tsv"
    shell:
        "python scripts/reliability.py --study {wildcards.study} --processed data/processed/{wildcards.study}"
        " --out results/{wildcards.study}/tables/reliability > {log} 2>&1"
