# make demo: the linear regression example. make test: the tests that need no other autodiff library.
# Both make the project's own environment in .venv first, and again only when pyproject.toml changed.

PYTHON ?= python3
PY := .venv/bin/python
STAMP := .venv/.installed
WORKERS ?= 2
export OMP_NUM_THREADS ?= 1

.PHONY: demo test lint bench clean

$(STAMP): pyproject.toml
	test -x $(PY) || $(PYTHON) -m venv .venv
	$(PY) -m pip install --quiet --disable-pip-version-check -e '.[learn,jit,test]'
	touch $(STAMP)

demo: $(STAMP)
	$(PY) examples/linear_regression.py

test: $(STAMP)
	$(PY) -m pytest -q -n $(WORKERS) -m 'not slow and not oracle'

lint: $(STAMP)
	.venv/bin/ruff check .
	.venv/bin/pyright

bench: $(STAMP)
	$(PY) -m pip install --quiet --disable-pip-version-check torch==2.13.0
	$(PY) benchmarks/memory.py
	$(PY) benchmarks/run.py

clean:
	rm -rf .venv build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
