# Every target sets up what it needs. Python 3.11, 3.12 or 3.13 is all that must be there.

# The first that runs and is of a supported version.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& echo $$python && break; done)
BIN := .venv/bin
READY := .venv/.ready
DEMO_HOME := .qie-demo
APP := dist/Qwen Image Editor

.PHONY: help venv demo run test test-window test-all check check-types check-rest screenshots app dmg clean

help: ## Show what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

venv: $(READY) ## Set up the environment

# Made again only when the dependencies change.
$(READY): pyproject.toml tools/linux_packages.sh
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed. If you have one elsewhere: make venv PYTHON=/path/to/python3.12"; exit 1; }
	@echo "Setting up .venv (a minute or two, once)…"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@tools/linux_packages.sh
	@$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $(READY)

demo: $(READY) ## Edit the sample photo with the built-in model
	@QIE_HOME=$(CURDIR)/$(DEMO_HOME) $(BIN)/qie edit resources/sample.jpg "make it black and white" \
		--model starter --output $(DEMO_HOME)-result.png
	@echo "The sample: resources/sample.jpg. The result: $(DEMO_HOME)-result.png"

run: $(READY) ## Open the window
	@$(BIN)/python -m qie_desktop

test: $(READY) ## Run the quick tests
	@$(BIN)/python -m pytest -q -n 2 --dist worksteal --ignore tests/ui

test-window: $(READY) ## Run the quick tests of the window
	@$(BIN)/python -m pytest -q -n 3 --dist loadfile tests/ui

test-all: $(READY) ## Run all tests, the slow ones and the window's too
	@$(BIN)/python -m pytest -q -n 2 --dist worksteal -m ''

check: $(READY) ## Lint, types, layers, scripts, workflows, and that the dependencies resolve for macOS
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(MAKE) --no-print-directory -j 2 check-types check-rest

# A minute on one core, during which the others can be done.
check-types: $(READY)
	@$(BIN)/pyright

check-rest: $(READY)
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/shellcheck packaging/*.sh tools/*.sh
	@$(BIN)/python tools/check_workflows.py
	@$(BIN)/python tools/check_macos.py

screenshots: $(READY) ## Photograph the window in every state into build/screenshots/
	@$(BIN)/python tools/screenshots.py

app: $(READY) ## Build the app into dist/: on macOS an .app, signed for this Mac; on Linux a folder
	@$(BIN)/python -m PyInstaller --noconfirm --log-level WARN --workpath build/app --distpath dist build_app.spec
	@if [ "$$(uname)" = Darwin ]; then packaging/sign_and_notarize.sh --ad-hoc "$(APP).app"; fi
	@du -sh "$(APP)"*

dmg: ## Put the app of dist/ into a disk image (macOS)
	@packaging/make_dmg.sh "$(APP).app" "$(APP).dmg"

clean: ## Remove what was made, but not the environment
	@rm -rf build dist $(DEMO_HOME) $(DEMO_HOME)-result.png .pytest_cache .ruff_cache .hypothesis .import_linter_cache
