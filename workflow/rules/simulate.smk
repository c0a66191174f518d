from types import SimpleNamespace

# One rule for each synthetic study, since the files differ.
for name in [name for name in STUDIES if STUDIES[name].synthetic]:

    rule:
        name:
            f"simulate_{name}"
        message:
            "draw the synthetic cohort and deliver it as a survey operator would"
        input:
            calibration=f"config/calibration/{STUDIES[name].calibration}.yaml",
            code=code("simulate"),
        output:
            exports=simulated(name),
            register=STUDIES[name].register_.file,
            truth=f"{STUDIES[name].exports.folder}/truth.json",
        params:
            settings=settings()(SimpleNamespace(study=name)),
            lock=LOCK,
            study=name,
            folder=STUDIES[name].exports.folder,
        log:
            f"logs/{name}/simulate.log",
        benchmark:
            f"benchmarks/{name}/simulate.tsv"
        shell:
            "python scripts/simulate.py --study {params.study} --out {params.folder} > {log} 2>&1"
