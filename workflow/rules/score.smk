rule score:
    message:
        "score dimensions and sum moments and two-way tables by school, key stage and gender"
    input:
        clean=f"{PROCESSED}/clean.parquet",
        code=code("score"),
    output:
        scores=f"{PROCESSED}/scores.parquet",
        moments=f"{PROCESSED}/moments.npz",
        by_group=f"{PROCESSED}/moments_group.npz",
        by_gender=f"{PROCESSED}/moments_gender.npz",
        pairs=f"{PROCESSED}/pairs.npz",
    params:
        settings=settings("resampling", "schools"),
        lock=LOCK,
    log:
        "logs/{study}/score.log",
    benchmark:
        "benchmarks/{study}/score.tsv"
    shell:
        "python scripts/score.py --study {wildcards.study} --clean {input.clean}"
        " --out data/processed/{wildcards.study} > {log} 2>&1"
