rule values:
    message:
        "name and format every number that the report may use"
    input:
        tables=all_tables,
        code=code("values"),
    output:
        values=f"{RESULTS}/values.json",
    params:
        settings=settings(),
        lock=LOCK,
    log:
        "logs/{study}/values.log",
    benchmark:
        "benchmarks/{study}/values.tsv"
    shell:
        "python scripts/values.py --study {wildcards.study} --tables results/{wildcards.study}/tables"
        " --out {output.values} > {log} 2>&1"
