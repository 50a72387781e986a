# make demo: a small network learns handwritten digits; report in chainrule-demo/digits/index.html.
# make test: the tests that need no other autodiff library.
# Both make the project's own environment in .venv first, and again only when pyproject.toml or this file changed.

PYTHON ?= python3
PY := .venv/bin/python
STAMP := .venv/.installed
WORKERS ?= 2
export OMP_NUM_THREADS ?= 1

.PHONY: demo test docs lint bench clean

$(STAMP): pyproject.toml Makefile
	test -x $(PY) || $(PYTHON) -m venv .venv
	$(PY) -m pip install --quiet --disable-pip-version-check -e '.[learn,jit,bfloat16,test]'
	touch $(STAMP)

demo: $(STAMP)
	$(PY) -m chainrule demo digits

test: $(STAMP)
	$(PY) -m pytest -q -n $(WORKERS) -m 'not slow and not oracle and not browser'

docs: $(STAMP)
	$(PY) -m pip install --quiet --disable-pip-version-check -e '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict

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
