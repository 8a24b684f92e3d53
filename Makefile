# Every target makes the environment that it needs; only python3, git and make are
# assumed, and npm by the targets of the page. `make help` lists the targets.

PYTHON ?= python3
VENV := .venv
BENCH_VENV := .venv-bench
WHEEL_VENV := .venv-wheel
NEWEST_VENV := .venv-newest
SUITES_VENV := .venv-suites
# A clone of data-apis/array-api-tests with its submodule.
ARRAY_API_TESTS ?= $(SUITES_VENV)/array-api-tests
CLIENTS ?= lifelines pymanopt mici grcwa reliability surpyval momi ceviche legume-gme \
	pyerrors sampyl-mcmc pennylane autograd-gamma paragami pymoo vittles py-wake \
	cotengra craystack phodex
# A folder with clones of those clients whose source distributions leave out the tests.
CLONES ?=
INTEROP_VENV := .venv-interop
PYTEST_ARGS ?= -n 2
BENCH_ARGS ?=
GRADBENCH_ARGS ?=

BIN := $(VENV)/bin
BENCH_BIN := $(BENCH_VENV)/bin
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check \
	--constraint constraints.txt
PINS := pyproject.toml constraints.txt
# All but programs, pages and scripts: the rules, and what faces NumPy.
NEWEST_TESTS := tests $(addprefix --ignore=tests/,benchmarks browser compiler explainer \
	test_benchmarks.py test_demo.py test_lessons.py test_pages.py)

# What NumPy 2.5 and SciPy 1.18 themselves answer otherwise than the pinned ones do.
NEWEST_CHANGED := $(addprefix --deselect=tests/, \
	numpy/test_linalg.py::test_eigenvalues_and_what_does_not_depend_on_phases[real] \
	scipy/test_interpolate.py::test_what_makes_plain_coefficients_is_refused \
	scipy/test_keywords.py::test_signatures_are_scipys[interpolate] \
	scipy/test_linalg.py::test_values_are_scipys_and_derivatives_those_of_differences[cho_factor \
	scipy/test_linalg.py::test_values_are_scipys_and_derivatives_those_of_differences[lstsq \
	scipy/test_linalg.py::test_dtypes_are_scipys_in_single_precision[lstsq \
	scipy/test_linalg.py::test_signatures_are_scipys \
	scipy/test_signal.py::test_states \
	scipy/test_spatial.py::test_distance_matrices)

# Those that go through the list of all rules.
RULE_TESTS := $(addprefix tests/,test_rules.py test_declarations.py test_expressions.py test_kernels.py \
	test_symbolic.py test_conventions.py test_precision.py test_traits.py \
	compiler/test_operations.py compiler/test_vm.py explainer/test_formulas.py \
	explainer/test_javascript.py numpy/test_lists_of_nodes.py scipy/test_rules_of_scipy.py)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo lessons test coverage test-slow rule test-newest test-interop test-autograd \
	test-clients test-array-api coverage-table test-browser page page-check bench \
	bench-smoke gradbench scale docs lint format wheel hooks clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/.stamp-demo ## gradients explained, and a model on real data
	$(BIN)/python demo.py

lessons: $(VENV)/.stamp-demo ## the lessons of the documentation, as scripts
	set -e; for lesson in docs/lessons/*.py; do $(BIN)/python $$lesson; done

test: $(VENV)/.stamp-demo $(VENV)/.stamp-test ## tests and doctests
	$(BIN)/python -m pytest $(PYTEST_ARGS) -m "not slow"

coverage: $(VENV)/.stamp-demo $(VENV)/.stamp-test ## the same with branch coverage, in twice the time
	$(BIN)/python -m pytest $(PYTEST_ARGS) -m "not slow" --cov --cov-report=term

test-slow: $(VENV)/.stamp-demo $(VENV)/.stamp-test ## large sweeps with fixed seeds
	CHAINRULE_RULES=all $(BIN)/python -m pytest $(PYTEST_ARGS) -m slow

rule: $(VENV)/.stamp-test ## the tests of one rule, in seconds: make rule NAME=erf
	$(if $(NAME),,$(error Write make rule NAME=erf))
	@PYTHONPATH=src $(BIN)/python .ci/rule.py "$(NAME)"
	CHAINRULE_RULES=all $(BIN)/python -m pytest -q -k "$(NAME)_grad or $(NAME)" $(RULE_TESTS)

test-newest: ## the rules on the newest Python of this machine and the newest NumPy
	$(PYTHON) .ci/newest.py $(NEWEST_VENV)
	PYTHONPATH="$(CURDIR)/src" $(NEWEST_VENV)/bin/python -m pytest $(PYTEST_ARGS) -m "not slow" \
		$(NEWEST_TESTS) $(NEWEST_CHANGED)

test-interop: $(INTEROP_VENV)/.stamp-test $(INTEROP_VENV)/.stamp-interop ## with PyTorch, JAX, pandas, xarray and Dask (a large download)
	$(INTEROP_VENV)/bin/python -m pytest $(PYTEST_ARGS) tests/interop tests/test_foreign.py \
		tests/test_left_operands.py tests/benchmarks/test_scale.py src/chainrule/interop
	$(INTEROP_VENV)/bin/python -m pytest $(PYTEST_ARGS) tests/test_parallel.py tests/test_examples.py  # forks: not beside JAX

test-autograd: | $(SUITES_VENV)/bin/python ## autograd's own tests on chainrule (downloads them)
	$(SUITES_VENV)/bin/python .ci/suites.py autograd

test-clients: | $(SUITES_VENV)/bin/python ## the tests of libraries that use autograd (downloads them; CLONES=folder has repositories)
	CLONES="$(CLONES)" $(SUITES_VENV)/bin/python .ci/suites.py $(CLIENTS)

test-array-api: | $(SUITES_VENV)/bin/python ## the public tests of the array API on nodes: ARRAY_API_TESTS=their repository
	$(SUITES_VENV)/bin/python .ci/array_api.py "$(ARRAY_API_TESTS)"

coverage-table: $(BENCH_VENV)/.stamp-bench ## which functions each library differentiates, by calling them
	$(BENCH_BIN)/python -m benchmarks.coverage

test-browser: $(VENV)/.stamp-test $(VENV)/.stamp-browser web/node_modules/.stamp ## the page of a gradient, in a real browser
	CHAINRULE_BROWSER=required $(BIN)/python -m pytest $(PYTEST_ARGS) tests/browser

page: web/node_modules/.stamp ## rebuild the page's script and style from web/
	npm --prefix web run --silent build

page-check: web/node_modules/.stamp ## the page's script and style are what web/ builds
	npm --prefix web run --silent check

bench: $(BENCH_VENV)/.stamp-bench ## speed against other libraries (a large download)
	$(BENCH_BIN)/python -m benchmarks $(BENCH_ARGS)

bench-smoke: $(VENV)/.stamp-test ## run every benchmark briefly, without the peers
	$(BIN)/python -m benchmarks --smoke

gradbench: $(BENCH_VENV)/.stamp-bench ## the programs of GradBench beside JAX and PyTorch: make gradbench EVAL=gmm
	$(BENCH_BIN)/python -m benchmarks.gradbench --docs $(if $(EVAL),--eval $(EVAL)) \
		$(GRADBENCH_ARGS)

scale: $(BENCH_VENV)/.stamp-bench ## large data on a cluster of two processes, under a limit of memory
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BENCH_BIN)/python -m benchmarks.scale

docs: $(VENV)/.stamp-docs ## the documentation, as pages in docs/_build/html
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

lint: $(VENV)/.stamp-test $(VENV)/.stamp-lint ## style, types and import layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/python .ci/annotations.py
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python .ci/completeness.py

format: $(VENV)/.stamp-lint ## rewrite the files in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

wheel: $(VENV)/.stamp-build $(VENV)/.stamp-package ## build the archives, check them, and import the wheel in a clean environment
	rm -rf build dist $(WHEEL_VENV)
	$(BIN)/python -m build --no-isolation --outdir dist . >/dev/null
	$(BIN)/python -m twine check --strict dist/*
	$(BIN)/python .ci/archives.py dist
	$(PYTHON) -m venv $(WHEEL_VENV)
	$(WHEEL_VENV)/bin/python $(PIP_INSTALL) dist/chainrule-*.whl
	$(WHEEL_VENV)/bin/python -I -c "import chainrule, importlib.resources as r; \
	assert r.files('chainrule').joinpath('py.typed').is_file(); \
	print('imported', chainrule.__file__)"

hooks: $(VENV)/.stamp-lint ## check every commit before it is made
	$(BIN)/pre-commit install

clean: ## remove environments, caches and built files
	rm -rf $(VENV) $(BENCH_VENV) $(WHEEL_VENV) $(NEWEST_VENV) \
		$(SUITES_VENV) $(INTEROP_VENV) \
		web/node_modules build dist docs/_build demo_output \
		.coverage .coverage.* .hypothesis .import_linter_cache .pytest_cache \
		.ruff_cache .benchmarks
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One stamp per environment and extra: nothing is installed twice. The build backend
# is installed first, so that it too is a pinned version.
%/bin/python:
	$(PYTHON) -m venv $*

%/.stamp-build: $(PINS) | %/bin/python
	@echo "installing the build backend into $*"
	@$*/bin/python $(PIP_INSTALL) hatchling editables \
		hatch-fancy-pypi-readme
	@touch $@

define extra_rule
%/.stamp-$(1): %/.stamp-build
	@echo "installing chainrule[$(1)] into $$*"
	@$$*/bin/python $$(PIP_INSTALL) --no-build-isolation --editable '.[$(1)]'
	@touch $$@
endef
$(foreach extra,demo test interop browser bench docs lint package,$(eval $(call extra_rule,$(extra))))

web/node_modules/.stamp: web/package.json
	@echo "installing the packages of web/"
	@npm --prefix web install --no-package-lock --no-audit --no-fund --loglevel=error
	@touch $@

.PRECIOUS: %/bin/python %/.stamp-build
