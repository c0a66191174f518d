rule scorecard:
    message:
        "hold every published claim against what was computed"
    input:
        tables=analysed,
        published=published,
        code=code("scorecard"),
    output:
        scorecard=report(f"{RESULTS}/scorecard.csv", category="Scorecard", caption="../report/scorecard.rst"),
    params:
        settings=settings(),
        lock=LOCK,
    log:
        "logs/{study}/scorecard.log",
    benchmark:
        "benchmarks/{study}/scorecard.tsv"
    shell:
        "python scripts/scorecard.py --study {wildcards.study} --tables results/{wildcards.study}/tables"
        " --out {output.scorecard} > {log} 2>&1"
