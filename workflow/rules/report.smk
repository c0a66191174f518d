rule report:
    message:
        "render the report of {wildcards.study}: HTML, PDF and Word"
    input:
        tables=all_tables,
        figures=f"{RESULTS}/figures",
        values=f"{RESULTS}/values.json",
        scorecard=scorecard_file,
        sources=sorted(str(p) for p in Path("reports").rglob("*") if p.is_file()),
        code=code("report"),
    output:
        html=f"{RESULTS}/report/{{stem}}.html",
        pdf=f"{RESULTS}/report/{{stem}}.pdf",
        docx=f"{RESULTS}/report/{{stem}}.docx",
    params:
        settings=settings(),
        lock=LOCK,
    log:
        "logs/{study}/report_{stem}.log",
    benchmark:
        "benchmarks/{study}/report_{stem}.tsv"
    shell:
        "python scripts/report.py --study {wildcards.study} --results results/{wildcards.study}"
        " --out results/{wildcards.study}/report > {log} 2>&1"
