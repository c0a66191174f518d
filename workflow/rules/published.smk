rule published:
    message:
        "hold the published figures against each other"
    input:
        published=published,
        code=code("published"),
    output:
        *tables("published"),
    params:
        settings=settings("published"),
        lock=LOCK,
    log:
        "logs/{study}/published.log",
    benchmark:
        "benchmarks/{study}/published.tsv"
    shell:
        "python scripts/published.py --study {wildcards.study} --out results/{wildcards.study}/tables/published"
        " > {log} 2>&1"
