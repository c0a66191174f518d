rule ingest:
    message:
        "read the raw exports of {wildcards.study} and turn answers into codes"
    input:
        exports=exports,
        code=code("ingest"),
    output:
        *tables("ingest"),
        ingested=f"{PROCESSED}/ingested.arrow",
        files=f"{PROCESSED}/files.csv",
    params:
        settings=settings(
            *("exports", "columns", "key", "register_", "min_group", "clean", "key_stages", "gender", "survey_date")
        ),
        key=key,
        lock=LOCK,
    log:
        "logs/{study}/ingest.log",
    benchmark:
        "benchmarks/{study}/ingest.tsv"
    shell:
        "python scripts/ingest.py --study {wildcards.study} --out {output.ingested}"
        " --tables results/{wildcards.study}/tables/ingest > {log} 2>&1"
