"""What every rule file uses: the studies, their paths, and the three things that make a step run again.

A step runs again when its data, its code or its settings change. Data are inputs. Snakemake does not see an edit in an
imported module, so ``code`` lists a step's script and the modules that it imports as inputs too. Settings are
parameters: ``settings`` picks the keys of the study that a step reads, and the instrument; ``LOCK`` stands for the
locked environment.
"""

import hashlib
import json
import os
import sys
from pathlib import Path

# The steps use this environment's Python, activated or not, and one thread each: see docs/conventions.md, Numbers.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
os.environ["PYTHONHASHSEED"] = "0"
for threads in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"
sys.path.insert(0, str(Path(workflow.basedir) / "scripts"))

from learning_survey.code import modules_of
from learning_survey.config import load_project, load_study
from learning_survey.errors import SurveyError


def studies():
    """The studies to build, loaded: the one named by ``--config study=``, or those of config/config.yaml."""
    try:
        names = [config["study"]] if config.get("study") else load_project().studies
        return {name: load_study(name) for name in names}
    except SurveyError as error:
        sys.exit(f"error: {error.message}")


STUDIES = studies()
LOCK = hashlib.sha256(Path("requirements.lock").read_bytes()).hexdigest()[:16]
PROCESSED = "data/processed/{study}"
RESULTS = "results/{study}"


wildcard_constraints:
    study="|".join(STUDIES),


def code(step):
    """The script of a step and every module of the library that it runs."""
    script = Path("scripts") / f"{step}.py"
    return [str(path) for path in (script, *modules_of(script))]


def settings(*keys):
    """A parameter: a digest of the study's values for ``keys`` (without keys, of all), its seed and its instrument."""

    def of(wildcards):
        study = STUDIES[wildcards.study]
        content = study.study.model_dump(mode="json", include={"id", "synthetic", "seed", *keys} if keys else None)
        content["instrument"] = study.instrument.model_dump(mode="json")
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]

    return of


def key(wildcards):
    """A parameter: tells by which key pseudonyms are made, without giving it away."""
    from learning_survey.privacy import fingerprint

    return fingerprint(STUDIES[wildcards.study])


def tables(stage):
    """Paths of a stage's tables."""
    from learning_survey.schemas import TABLES

    names = [name.split(".")[1] for name in TABLES if name.startswith(stage + ".")]
    return [f"{RESULTS}/tables/{stage}/{name}.csv" for name in names]


def all_tables(wildcards):
    """Every table that applies to the study."""
    return [
        path.format(study=wildcards.study)
        for stage in ("ingest", "clean", *STUDIES[wildcards.study].stages)
        for path in tables(stage)
    ]


def analysed(wildcards):
    """Every table but the verdicts, which rest on the others and on the scorecard."""
    return [path for path in all_tables(wildcards) if "/tables/verdicts/" not in path]


def figure_tables(wildcards):
    """The tables that the study's figures show: figures need not wait for the longest analyses, which they do not."""
    from learning_survey.figure_plan import SAMPLE, names, tables_of

    shown = dict.fromkeys([SAMPLE, *(t for name in names(STUDIES[wildcards.study]) for t in tables_of(name))])
    return [f"results/{wildcards.study}/tables/{table.replace('.', '/')}.csv" for table in shown]


def verdict_rules(wildcards):
    """The files by which verdicts are given, where the study has verdicts."""
    study = STUDIES[wildcards.study]
    names = {"verdicts": study.verdicts, "multiverse": study.verdicts and study.multiverse}
    return [f"config/{folder}/{name}.yaml" for folder, name in names.items() if name]


def exports(wildcards):
    """The study's raw files. A pattern that matches nothing is for the step to report."""
    study = STUDIES[wildcards.study]
    if study.synthetic:
        return simulated(wildcards.study)
    return sorted(str(path) for pattern in study.exports.files for path in study.export_folder.glob(pattern))


def simulated(name):
    """The exports that 'simulate' writes: a synthetic study names each one."""
    study = STUDIES[name]
    return [f"{study.exports.folder}/{file}" for file in study.exports.files]


def register(wildcards):
    """The school register, where the study has one."""
    plan = STUDIES[wildcards.study].register_
    return [plan.file] if plan else []


def published(wildcards):
    """The published figures and the rules that hold results against them, where the study has them."""
    name = STUDIES[wildcards.study].published
    return [f"config/published/{name}.csv", f"config/published/{name}.yaml"] if name else []


def scorecard_file(wildcards):
    """The scorecard, where the study has published figures."""
    return [f"results/{wildcards.study}/scorecard.csv"] if STUDIES[wildcards.study].published else []


def report_files(name):
    """The report in its three formats. File names of a synthetic study say so."""
    return [f"results/{name}/report/{name}{STUDIES[name].mark}.{kind}" for kind in ("html", "pdf", "docx")]
