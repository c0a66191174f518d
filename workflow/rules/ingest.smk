rule ingest:
    message:
        "read the raw exports of {wildcards.study} and turn answers into codes"
    input:
        exports=exports,
        code=code("ingest"),
    output:
        ingested=f"{PROCESSED}/ingested.parquet",
    params:
        settings=settings("exports", "columns", "register_"),
        lock=LOCK,
    log:
        "logs/{study}/ingest.log",
    benchmark:
        "benchmarks/{study}/ingest.tsv"
    shell:
        "python scripts/ingest.py --study {wildcards.study} --out {output.ingested} > {log} 2>&1"
