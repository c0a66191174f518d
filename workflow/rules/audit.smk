rule audit:
    message:
        "check the results against each other and write the manifest and the trail"
    input:
        exports=exports,
        ledger=f"{PROCESSED}/ledger.csv",
        scores=f"{PROCESSED}/scores.parquet",
        tables=all_tables,
        figures=f"{RESULTS}/figures",
        values=f"{RESULTS}/values.json",
        scorecard=scorecard_file,
        report=lambda wildcards: report_files(wildcards.study),
        code=code("audit"),
    output:
        manifest=f"{RESULTS}/audit/manifest.csv",
        trail=f"{RESULTS}/audit/trail.csv",
        steps=f"{RESULTS}/audit/steps.csv",
        checks=f"{RESULTS}/audit/checks.csv",
        readme=f"{RESULTS}/audit/README.md",
    params:
        settings=settings(),
        lock=LOCK,
    log:
        "logs/{study}/audit.log",
    benchmark:
        "benchmarks/{study}/audit.tsv"
    shell:
        "python scripts/audit.py --study {wildcards.study} --results results/{wildcards.study}"
        " --processed data/processed/{wildcards.study} --out results/{wildcards.study}/audit > {log} 2>&1"
