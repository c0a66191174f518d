rule verdicts:
    message:
        "give each key finding its verdict; correct p values over families of tests"
    input:
        tables=analysed,
        scorecard=scorecard_file,
        published=published,
        rules=verdict_rules,
        code=code("verdicts"),
    output:
        *tables("verdicts"),
    params:
        settings=settings(),
        lock=LOCK,
    log:
        "logs/{study}/verdicts.log",
    benchmark:
        "benchmarks/{study}/verdicts.tsv"
    shell:
        "python scripts/verdicts.py --study {wildcards.study} --tables results/{wildcards.study}/tables"
        " --scorecard {input.scorecard} --out results/{wildcards.study}/tables/verdicts > {log} 2>&1"
