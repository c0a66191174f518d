rule score:
    message:
        "score dimensions; sum moments, two-way tables and counts by school, key stage and gender"
    input:
        clean=f"{PROCESSED}/clean.parquet",
        flags=f"{PROCESSED}/flags.parquet",
        code=code("score"),
    output:
        scores=f"{PROCESSED}/scores.parquet",
        cells=f"{PROCESSED}/cells.parquet",
        moments=f"{PROCESSED}/moments.npz",
        by_group=f"{PROCESSED}/moments_group.npz",
        by_gender=f"{PROCESSED}/moments_gender.npz",
        pairs=f"{PROCESSED}/pairs.npz",
    params:
        settings=settings("gender", "resampling", "schools", "models", "min_group"),
        lock=LOCK,
    log:
        "logs/{study}/score.log",
    benchmark:
        "benchmarks/{study}/score.tsv"
    shell:
        "python scripts/score.py --study {wildcards.study} --clean {input.clean} --flags {input.flags}"
        " --out data/processed/{wildcards.study} > {log} 2>&1"
