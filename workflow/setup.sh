#!/usr/bin/env bash
# Set up the locked environment in .venv. Every package is checked against its hash in requirements.lock.
set -euo pipefail
python="${PYTHON:-python3}"
say() { printf '%s\n' "$*" >&2; }
fail() { say "error: $1"; say "  $2"; exit 2; }

command -v "$python" > /dev/null || fail "no $python on this machine" "Install Python 3.11 or later: sudo apt install python3-venv"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  fail "$("$python" --version) is too old" "Use Python 3.11 or later: make PYTHON=/path/to/python3"

[ ! -L .venv ] ||
  fail ".venv is a link to $(readlink .venv), which setting up would empty" "Remove the link, or touch .venv/ready to use what it leads to."

say "Setting up .venv from requirements.lock (once; about a minute) …"
# Debian's python3 comes without the means to put pip into an environment unless python3-venv is installed.
if "$python" -c 'import ensurepip' 2> /dev/null; then
  "$python" -m venv --clear .venv
elif command -v uv > /dev/null; then
  uv venv --quiet --clear --seed --python "$python" .venv
elif command -v virtualenv > /dev/null; then
  virtualenv --quiet --clear --python "$python" .venv
elif "$python" -m pip --version > /dev/null 2>&1; then
  "$python" -m venv --clear --without-pip .venv
else
  fail "$python cannot make an environment" "Install it: sudo apt install python3-venv"
fi
if [ -x .venv/bin/pip ]; then pip=(.venv/bin/python -m pip); else pip=("$python" -m pip --python .venv/bin/python); fi

"${pip[@]}" install --quiet --disable-pip-version-check --no-deps --require-hashes --compile -r requirements.lock 2> .venv/setup.log ||
  { cat .venv/setup.log >&2; fail "the packages could not be installed" "Is the package index reachable? Run make again."; }

# Quarto renders the report where it can be had; otherwise the built-in renderer does, and the colophon says so.
if command -v quarto > /dev/null; then
  say "Quarto $(quarto --version) found; it will render the report."
elif timeout 180 "${pip[@]}" install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-quarto.lock > .venv/quarto.log 2>&1 &&
  .venv/bin/quarto --version > /dev/null 2>&1; then
  say "Quarto $(.venv/bin/quarto --version) installed."
else
  "${pip[@]}" uninstall --quiet --yes quarto-cli > /dev/null 2>&1 || true
  say "Quarto could not be downloaded; the built-in renderer will be used."
fi
