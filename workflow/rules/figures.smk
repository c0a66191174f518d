rule figures:
    priority: 4  # they take long and the report waits for them: first of all, after what they show
    message:
        "draw the figures and write their alternative texts"
    input:
        tables=figure_tables,
        published=lambda wildcards: published(wildcards)[:1],
        code=code("figures"),
    output:
        figures=report(
            directory(f"{RESULTS}/figures"),
            patterns=["{name}.png"],
            category="Figures",
            caption="../report/figure.rst",
        ),
    params:
        settings=settings(),
        lock=LOCK,
    log:
        "logs/{study}/figures.log",
    benchmark:
        "benchmarks/{study}/figures.tsv"
    shell:
        "python scripts/figures.py --study {wildcards.study} --tables results/{wildcards.study}/tables"
        " --out {output.figures} > {log} 2>&1"
