rule clean:
    message:
        "apply the study's cleaning rules; every row and cell touched goes to the ledger"
    input:
        ingested=f"{PROCESSED}/ingested.arrow",
        files=f"{PROCESSED}/files.csv",
        register=register,
        code=code("clean"),
    output:
        *tables("clean"),
        clean=f"{PROCESSED}/clean.parquet",
        flags=f"{PROCESSED}/flags.parquet",
        schools=f"{PROCESSED}/schools.parquet",
        ledger=f"{PROCESSED}/ledger.csv",
    params:
        settings=settings(
            *(
                "clean",
                "exports",
                "columns",
                "key",
                "register_",
                "key_stages",
                "gender",
                "inspection",
                "min_group",
                "resampling",
                "survey_date",
            )
        ),
        key=key,
        lock=LOCK,
    log:
        "logs/{study}/clean.log",
    benchmark:
        "benchmarks/{study}/clean.tsv"
    shell:
        "python scripts/clean.py --study {wildcards.study} --ingested {input.ingested}"
        " --out data/processed/{wildcards.study} --tables results/{wildcards.study}/tables/clean > {log} 2>&1"
