#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Ranks under mpirun give the result section that one process gives, and take up what a run left that was cut off.
# mpi_test.sh MPIRUN KARAT
set -euo pipefail
mpirun=$1 karat=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1

section() { sed -n 's/.*"type":"sweep".*"result":\(.*\),"seconds":.*/\1/p' "$1"; }
same() {
  [[ -n $(section "$1") && $(section "$1") == "$(section "$2")" ]] || {
    echo "result sections differ: $1 and $2" >&2
    section "$1" >&2
    section "$2" >&2
    exit 1
  }
}

"$karat" sweep native --op sigmoid --dtype f16 --record "$folder/one.jsonl" --quiet
"$mpirun" -n 4 "$karat" sweep native --op sigmoid --dtype f16 --record "$folder/four.jsonl" --quiet
same "$folder/one.jsonl" "$folder/four.jsonl"

# A part that is there already is not done again.
"$karat" sweep native --op sigmoid --dtype f16 --shard 2/5 --resume "$folder/state" --quiet
"$mpirun" -n 3 "$karat" sweep native --op sigmoid --dtype f16 --resume "$folder/state" --record "$folder/resumed.jsonl" --quiet
same "$folder/one.jsonl" "$folder/resumed.jsonl"
# And all that is there gives the same again, without a call.
"$karat" sweep native --op sigmoid --dtype f16 --merge "$folder/state" --record "$folder/merged.jsonl" --quiet
same "$folder/one.jsonl" "$folder/merged.jsonl"

# An error of one rank ends all of them.
truncate -s -20 "$(ls "$folder"/state/*.json | head -n 1)"
if "$mpirun" -n 2 "$karat" sweep native --op sigmoid --dtype f16 --resume "$folder/state" --quiet 2>"$folder/error"; then
  echo "a damaged state was taken" >&2
  exit 1
fi
grep -q "cut off or changed" "$folder/error"
echo same
