rule inspection:
    priority: 3  # figures show its tables: see figures.smk
    message:
        "compare schools by inspection rating"
    input:
        cells=f"{PROCESSED}/cells.parquet",
        schools=f"{PROCESSED}/schools.parquet",
        code=code("inspection"),
    output:
        *tables("inspection"),
    params:
        settings=settings("inspection", "schools", "key_stages", "gender", "survey_date", "resampling", "min_group"),
        lock=LOCK,
    log:
        "logs/{study}/inspection.log",
    benchmark:
        "benchmarks/{study}/inspection.tsv"
    shell:
        "python scripts/inspection.py --study {wildcards.study} --processed data/processed/{wildcards.study}"
        " --out results/{wildcards.study}/tables/inspection > {log} 2>&1"
