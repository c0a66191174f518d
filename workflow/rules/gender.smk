rule gender:
    message:
        "compare genders"
    input:
        scores=f"{PROCESSED}/scores.parquet",
        moments=f"{PROCESSED}/moments.npz",
        code=code("gender"),
    output:
        *tables("gender"),
    params:
        settings=settings("gender", "register_", "resampling", "min_group"),
        lock=LOCK,
    log:
        "logs/{study}/gender.log",
    benchmark:
        "benchmarks/{study}/gender.tsv"
    shell:
        "python scripts/gender.py --study {wildcards.study} --processed data/processed/{wildcards.study}"
        " --out results/{wildcards.study}/tables/gender > {log} 2>&1"
