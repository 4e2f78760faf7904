#!/usr/bin/env bash
# Measures cuff beside other people's tools, in one run on one machine: python-tuf 7, tough 0.24, imgtool 2.5,
# minisign, object_store.
#
#   benches/compare/run.sh [images|repositories|uploads|scale ...]     all but scale without words
#
# Python tools come from PyPI into target/compare, tough from crates.io, minisign from Debian. Prints Markdown: docs/figures.md has what it said. Times are of
# whole processes unless a line says otherwise.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$PWD/target/compare
mkdir -p "$work"
[ -x "$work/python/bin/python" ] || python3 -m venv "$work/python"
"$work/python/bin/pip" install --quiet --disable-pip-version-check -r benches/compare/requirements.txt
command -v minisign > /dev/null || apt-get install --yes --quiet minisign
cargo build --quiet --release --locked --manifest-path benches/compare/tough/Cargo.toml --target-dir "$work/tough"
cargo build --quiet --release --bin cuff
exec "$work/python/bin/python" benches/compare/compare.py "$PWD/target/release/cuff" "$work" "$@"
