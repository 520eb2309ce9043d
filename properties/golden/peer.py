# SPDX-License-Identifier: MIT
"""What the tests against other implementations share: a case is written as a case folder with the
peer's outputs, `karat judge` finds each within the ulps that the peer may be off, and the exact
outputs are read back.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

SKIPPED = 77  # an exit code


def need(name):
    """The module, or the end of the test by name."""
    try:
        return __import__(name)
    except ImportError:
        print(f"{name} is missing (python3-{name}): skipped")
        sys.exit(SKIPPED)


def _tensor(np, folder, name, array, file):
    array = np.asarray(array)
    if not array.flags.c_contiguous:
        array = array.copy(order="C")
    np.save(folder / file, array)
    dtype = {"float64": "f64", "int64": "i64"}[str(array.dtype)]
    return {"name": name, "dtype": dtype, "shape": list(array.shape), "file": file}


def compare(np, karat, cases):
    """cases: name, operator, attributes, inputs, outputs, ulps.  Ends the process: 1 if any is off."""
    failed = count = 0
    with tempfile.TemporaryDirectory() as root:
        for name, op, attributes, inputs, outputs, ulps in cases:
            folder = pathlib.Path(root) / name
            folder.mkdir()
            case = {
                "name": name, "op": op, "attributes": attributes,
                "inputs": [_tensor(np, folder, key, a, key + ".npy") for key, a in inputs.items()],
                "outputs": [_tensor(np, folder, key, a, key + ".out.npy") for key, a in outputs.items()],
            }
            (folder / "case.json").write_text(json.dumps(case))
            judged = subprocess.run([karat, "judge", str(folder), "--max-ulp", str(ulps)], capture_output=True, text=True)
            exact = subprocess.run([karat, "eval", str(folder)], capture_output=True, text=True)
            good = judged.returncode == 0 and exact.returncode == 0
            for key, array in outputs.items():
                back = np.load(folder / (key + ".exact.npy")) if exact.returncode == 0 else np.array(np.nan)
                good = good and back.shape == np.shape(array) and np.allclose(back, array, rtol=1e-11, atol=1e-13)
            failed += not good
            count += 1
            print(judged.stdout.rsplit("\n", 2)[0] if good else judged.stdout + judged.stderr + exact.stderr)
    print(f"{count} cases, {failed} off")
    sys.exit(1 if failed or not count else 0)
