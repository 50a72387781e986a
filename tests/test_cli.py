"""The command line: what each command prints, writes and refuses; a broken table gets a sentence on what to fix."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")
pytest.importorskip("pandas", reason="pandas is not installed")
pytest.importorskip("matplotlib", reason="matplotlib is not installed")
pytest.importorskip("safetensors", reason="safetensors is not installed")

from chainrule.cli import main

ROOT = Path(__file__).parent.parent


def table(rows: int = 60, seed: int = 0) -> list[list]:
    """A header and rows: a number with gaps, a category, a number; price depends on them, kind is a class."""
    rng = np.random.default_rng(seed)
    size, city, rooms = rng.uniform(20, 200, rows), rng.choice(["Oslo", "Rome"], rows), rng.integers(1, 6, rows)
    price = 3 * size + 100 * (city == "Rome") + 20 * rooms
    lines = [["size", "city", "rooms", "price", "kind"]]
    for i in range(rows):
        gap = "" if i % 10 == 3 else round(size[i], 2)
        lines.append([gap, city[i], rooms[i], round(price[i], 2), "large" if size[i] > 100 else "small"])
    return lines


def write(path: Path, lines: list[list], separator: str = ",") -> str:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=separator).writerows(lines)
    return str(path)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


# ---- fit and predict -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("target", "task"), [("price", "regression"), ("kind", "classification")])
def test_fit_then_predict(here, capsys, target, task):
    data = write(here / "homes.csv", table())
    assert main(["fit", data, "--target", target, "--epochs", "60", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["task"] == task
    assert result["columns"]["city"] == "category" and result["columns"]["size"] == "number"
    folder = here / "homes-model"
    names = {p.name for p in folder.iterdir()}
    assert names == {"model.json", "weights.safetensors", "report"}
    page = (folder / "report" / "index.html").read_text()
    assert "http" not in page.replace("http-equiv", "") and 'alt="' in page

    assert main(["predict", str(folder), data, "--json"]) == 0
    first = json.loads(capsys.readouterr().out)["predictions"]
    assert main(["predict", str(folder), data, "--out", "filled.csv"]) == 0
    rows = list(csv.DictReader(io.StringIO((here / "filled.csv").read_text())))
    said = [row[f"predicted {target}"] for row in rows]
    assert len(said) == 60
    if task == "regression":
        np.testing.assert_allclose([float(s) for s in said], first, rtol=1e-4)
    else:
        assert said == first and set(said) <= {"small", "large"}


def test_numbers_learnt_are_better_than_guessing(here, capsys):
    data = write(here / "homes.csv", table(200))
    assert main(["fit", data, "--target", "price", "--drop", "kind", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["mean_absolute_error"] < 0.5 * result["baseline_mean_absolute_error"]
    assert result["r2"] > 0.7


def test_fit_says_what_it_did_and_what_to_try_next(here, capsys):
    write(here / "homes.csv", table())
    assert main(["fit", "homes.csv", "--target", "price", "--quick"]) == 0
    said = capsys.readouterr().out
    for word in ("60 rows", "regression of 'price'", "R2", "homes-model", "predict homes-model homes.csv"):
        assert word in said


def test_a_number_target_with_few_values_is_a_class_unless_asked_otherwise(here, capsys):
    data = write(here / "homes.csv", table())
    assert main(["fit", data, "--target", "rooms", "--quick", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["task"] == "classification"
    assert main(["fit", data, "--target", "rooms", "--quick", "--json", "--task", "regression"]) == 0
    assert json.loads(capsys.readouterr().out)["task"] == "regression"


def test_other_separators_and_gzip(here, capsys):
    import gzip

    plain = write(here / "homes.csv", table(), ";")
    packed = here / "packed.csv.gz"
    packed.write_bytes(gzip.compress(Path(plain).read_bytes()))
    assert main(["fit", str(packed), "--target", "price", "--quick", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["model"] == "packed-model"


def test_identifiers_and_constants_are_left_out(here, capsys):
    lines = table()
    lines[0] += ["home_id", "name", "land"]
    for i, row in enumerate(lines[1:]):
        row += [1000 + i, f"home {i}", "earth"]
    assert main(["fit", write(here / "t.csv", lines), "--target", "price", "--quick"]) == 0
    said = capsys.readouterr().out
    for name in ("home_id", "name", "land"):
        assert f"left out   '{name}'" in said


def test_a_folder_with_other_files_is_not_replaced(here, capsys):
    data = write(here / "homes.csv", table())
    (here / "mine").mkdir()
    (here / "mine" / "letter.txt").write_text("keep")
    assert main(["fit", data, "--target", "price", "--quick", "--out", "mine"]) == 2
    assert (here / "mine" / "letter.txt").read_text() == "keep"
    assert "other files" in capsys.readouterr().err


# ---- bad tables ------------------------------------------------------------------------------------------------------

Y = ["--target", "y"]
GOOD = "a,b,y\n" + "".join(f"{i},{i % 3},{2 * i + 0.5}\n" for i in range(40))
BAD = {
    "no target": (GOOD.replace("y", "price", 1), ["--target", "prise"], 2, "Did you mean 'price'"),
    "target all missing": ("a,y\n" + "1,\n" * 20, Y, 1, "empty in all 20 rows"),
    "every other column missing": ("a,y\n" + "".join(f",{i}.5\n" for i in range(20)), Y, 1, "no column"),
    "one class": ("a,y\n" + "".join(f"{i},yes\n" for i in range(20)), Y, 1, "'yes' in all 20 rows"),
    "text in numbers": (GOOD.replace("\n7,", "\nseven,"), Y, 1, "line 9 says 'seven'"),
    "text in the target": (GOOD.replace("14.5", "much"), Y, 1, "line 9 says 'much'"),
    "no rows": ("a,b,y\n", Y, 1, "no rows"),
    "few rows": ("a,y\n1,2\n2,3\n", Y, 1, "at least 10"),
    "empty": ("", Y, 1, "is empty"),
    "only spaces": ("  \n\n", Y, 1, "is empty"),
    "not a table": ("just some words\nand more words\n", Y, 1, "one column only"),
    "column twice": ("a,a,y\n1,2,3\n", Y, 1, "2 columns named 'a'"),
    "column without a name": ("a,,y\n1,2,3\n", Y, 1, "column 2 has no name"),
    "ragged": (GOOD + "1,2\n", Y, 1, "line 42 has 2 cells"),
    "quotes": ('a,y\n"1,2\n', Y, 1, "quotation marks"),
    "no header": ("1,2,3\n4,5,6\n", Y, 1, "names of the columns are missing"),
    "names as target": ("a,y\n" + "".join(f"{i % 4},n{i}\n" for i in range(40)), Y, 1, "different values"),
    "identifiers only": ("a,y\n" + "".join(f"n{i},{i}.5\n" for i in range(40)), Y, 1, "no column is left"),
    "huge category": (
        "a,b,y\n" + "".join(f"n{i},{i},{i}.5\n" for i in range(80)),
        ["--target", "y", "--category", "a"],
        1,
        "too many for a category",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_table_gets_a_sentence(here, capsys, name):
    text, options, code, sentence = BAD[name]
    (here / "t.csv").write_text(text)
    assert main(["fit", "t.csv", *options, "--quick"]) == code
    err = capsys.readouterr().err
    assert sentence in err and "Traceback" not in err
    assert not (here / "t-model").exists()


BYTES = {
    "encoding": ("a,ort,y\n1,Köln,3\n".encode("latin-1"), "line 2 holds the byte 0xf6"),
    "excel": (b"PK\x03\x04 and more", "an Excel or zip file"),
    "zero bytes": (b"a,y\n1,\0\n", "zero bytes"),
    "damaged gzip": (b"\x1f\x8bnonsense", "damaged gzip"),
}


@pytest.mark.parametrize("name", BYTES)
def test_what_is_no_text_gets_a_sentence(here, capsys, name):
    data, sentence = BYTES[name]
    (here / "t.csv").write_bytes(data)
    assert main(["fit", "t.csv", "--target", "y"]) == 1
    assert sentence in capsys.readouterr().err


def test_a_folder_or_a_missing_file_is_named(here, capsys):
    (here / "data").mkdir()
    write(here / "data" / "x.csv", table())
    assert main(["fit", "data", "--target", "y"]) == 2
    assert "is a folder: name the CSV file in it, such as data/x.csv" in capsys.readouterr().err
    assert main(["fit", "data/y.csv", "--target", "y"]) == 2
    assert "no such file. CSV files there: x.csv" in capsys.readouterr().err


def test_predict_checks_columns_and_model(here, capsys):
    data = write(here / "homes.csv", table())
    assert main(["fit", data, "--target", "price", "--quick", "--json"]) == 0
    lines = table()
    lines[0][0] = "Size"
    assert main(["predict", "homes-model", write(here / "new.csv", lines)]) == 1
    err = capsys.readouterr().err
    assert "no column 'size'" in err and "'Size'" in err
    lines = table()
    lines[1][1] = "Paris"
    assert main(["predict", "homes-model", write(here / "new.csv", lines)]) == 0
    assert "'Paris' was not in training" in capsys.readouterr().err
    assert main(["predict", "homes.csv", data]) == 2
    assert "name the folder that `chainrule fit` wrote" in capsys.readouterr().err
    weights = here / "homes-model" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    assert main(["predict", "homes-model", data]) == 1
    assert "is damaged" in capsys.readouterr().err


# ---- check -----------------------------------------------------------------------------------------------------------

FUNCTIONS = """
import chainrule as cr

def good(x, w: float = 2.0, n=2):
    return (w * x ** n).sum()

def lost(x):
    return cr.tensor(x.item() ** 2, dtype=cr.float64)

def constant(x):
    return cr.ones(3, dtype=cr.float64)

def fails(x):
    raise ValueError("no")

class Wrong(cr.autograd.Function):
    @staticmethod
    def forward(ctx, left, right):
        ctx.save_for_backward(left, right)
        return left * right

    @staticmethod
    def backward(ctx, g):
        left, right = ctx.saved_tensors
        return g * right, g * right
"""


def test_check_passes_a_right_gradient_with_defaults(here, capsys):
    (here / "f.py").write_text(FUNCTIONS)
    assert main(["check", "f.py:good", "--at", "[1.0, 2.0]", "--second", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert [a["argument"] for a in result["arguments"]] == ["x", "w"] and result["ok"]


def test_check_names_the_argument_whose_gradient_is_wrong(here, capsys):
    (here / "f.py").write_text(FUNCTIONS)
    assert main(["check", "f.py:Wrong", "--at", "2.0", "--at", "right=3.0"]) == 1
    out, err = capsys.readouterr()
    assert "with respect to 'right' is wrong" in err and "ok     left" in out


WITHOUT = [("lost", 1, "lost"), ("constant", 0, "not depend"), ("fails", 1, "raises ValueError")]


@pytest.mark.parametrize(("name", "code", "words"), WITHOUT)
def test_check_of_functions_without_a_gradient(here, capsys, name, code, words):
    (here / "f.py").write_text(FUNCTIONS)
    assert main(["check", f"f.py:{name}", "--at", "2.0"]) == code
    assert words in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["f.py:god", "--at", "1.0"], "Did you mean 'good'"),
        (["g.py:good"], "no such file"),
        (["good"], "FILE.py:NAME"),
        (["f.py:good"], "argument 'x' needs a value"),
        (["f.py:good", "--at", "z=1.0"], "no argument 'z'"),
        (["f.py:good", "--at", "one"], "expected a number"),
    ],
)
def test_check_says_what_is_missing(here, capsys, arguments, words):
    (here / "f.py").write_text(FUNCTIONS)
    assert main(["check", *arguments]) == 2
    assert words in capsys.readouterr().err


# ---- the whole -------------------------------------------------------------------------------------------------------


def test_info_for_people_and_programs(capsys):
    assert main(["info"]) == 0
    assert "numpy" in capsys.readouterr().out
    assert main(["info", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["numpy"] == np.__version__ and facts["operations"] > 200 and "float64" in facts["dtypes"]


@pytest.mark.parametrize("command", ["fit", "predict", "demo", "check", "info"])
def test_help_has_examples(capsys, command):
    assert main([command, "--help"]) == 0
    assert f"chainrule {command}" in capsys.readouterr().out.split("examples:")[1]


@pytest.mark.parametrize("arguments", [[], ["no-such"], ["fit"], ["demo", "cats"], ["demo", "digits", "--epochs", "0"]])
def test_misuse_gives_2(capsys, arguments):
    assert main(arguments) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_python_m_chainrule_runs(here):
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-m", "chainrule", "info", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0 and json.loads(done.stdout)["chainrule"]


@pytest.mark.parametrize("arguments", [["info"], ["explain", "x * x", "--at", "x=3", "--text"], ["--help"]])
def test_a_reader_that_goes_away_is_no_error(arguments):
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "chainrule", *arguments], stdout=write, stderr=subprocess.PIPE, text=True
    )
    os.close(write)
    assert done.stderr == ""
