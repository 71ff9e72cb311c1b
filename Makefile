# On a fresh machine: Python, pip and make. Everything else is installed into .venv, once.
PYTHON ?= python3
BIN := .venv/bin
SHELL := bash
PACKAGES := mosquitto libportaudio2 pulseaudio pulseaudio-utils libasound2-plugins systemd chromium zsh fish
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
# Debian keeps mosquitto in a folder that is not on everybody's path.
export PATH := $(PATH):/usr/sbin

# Of pip's account, the large downloads and the long last step: enough to see that it is alive. Its warnings are shown
# only when it fails: most are about the machine's own pip settings.
PROGRESS := { grep --line-buffered -oE '(Downloading|Using cached) [^ /]+ \([0-9.]+ [MG]B\)|Installing collected packages' || true; }
INSTALL = $(BIN)/python -m pip install --disable-pip-version-check --no-input -c constraints.txt -e '.[$(1)]' \
  2> .venv/pip.err | $(PROGRESS) || { cat .venv/pip.err >&2; exit 1; }

.PHONY: help demo test faults soak base pictures check clean machine install-service uninstall-service
help:
	@echo 'make demo                a machine room, four faults, and what diffmon says of them'
	@echo 'make test                all tests'
	@echo 'make faults              the daemon killed; brokers, microphones and engines failing, for the better part of an hour'
	@echo 'make soak                sixteen streams for forty minutes'
	@echo 'make base                the model that comes with the program, from made sound; half an hour'
	@echo 'make pictures            every picture of README and docs/, from the demo and the bench; some twelve minutes'
	@echo 'make check               format, lint, types and import directions'
	@echo 'make clean               removes .venv and whatever else was made here'
	@echo 'make install-service     makes it a service of systemd (root), or updates it; says what is left to do'
	@echo 'make uninstall-service   takes the service away again, and keeps configuration and state'

demo: .venv/.demo
	@$(BIN)/diffmon demo

# The program is started dozens of times, and is not compiled anew each time, not even where that is the custom.
test: machine .venv/.dev
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 4 --dist worksteal

# Each prints its figures as JSON and fails if a must is not met; what they are short for is part of the tests.
faults: machine .venv/.dev
	$(BIN)/python -m tests.bench.killed
	$(BIN)/python -m tests.bench.killed_real
	$(BIN)/python -m tests.bench.broker_faults
	$(BIN)/python -m tests.bench.capture_faults
	$(BIN)/python -m tests.bench.engine_faults

soak: machine .venv/.dev
	$(BIN)/python -m tests.bench.soak

base: .venv/.dev
	$(BIN)/python -m monitor.make_base models/base.safetensors

# From the project alone. They are to be looked at before they are committed: on a busy machine little is learned in three minutes,
# and BUDGET=10m gives it time. The screens of page and report are those of the browser of the tests.
PICTURES := build/pictures
BUDGET := 3m
pictures: machine .venv/.dev
	$(BIN)/diffmon demo --budget $(BUDGET) --out $(PICTURES)
	cp $(PICTURES)/picture.png docs/picture.png
	$(BIN)/python -m tests.bench.spine $(PICTURES) docs/spine.png
	$(BIN)/python -m tests.bench.rate $(PICTURES) docs/rate.png
	$(BIN)/python -m tests.bench.screens $(PICTURES) docs/page.png docs/report.png
	$(BIN)/python -m tests.bench.anomalies docs/anomalies.png
	$(BIN)/python -m tests.bench.made_picture $(PICTURES)/made-pictures.png
	$(BIN)/python -m tests.bench.growth docs/growth.png --lengths 1m,4m,16m,64m

check: .venv/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf .venv build dist *.egg-info diffmon-demo .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# DESTDIR goes before every path; the virtual environment is then left out.
install-service:
	@systemd/install venv
	@systemd/install files

uninstall-service:
	@systemd/install remove

# What the tests need from the system: a broker, PortAudio, a sound system to stand in for a card, what systemd says of a unit, a browser, shells.
# Asked before minutes go into installing.
machine: | $(BIN)/pip
	@$(foreach each,mosquitto pulseaudio paplay systemd-analyze chromium,command -v $(each) >/dev/null &&) ls /usr/lib*/*/alsa-lib/libasound_module_pcm_pulse.so >/dev/null 2>&1 \
	  && $(BIN)/python -c 'import ctypes.util, sys; sys.exit(not ctypes.util.find_library("portaudio"))' || \
	  { echo 'The tests need a broker, a sound system, systemd-analyze and a browser; install them with: apt-get install -y $(PACKAGES)' >&2; exit 1; }

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo 'diffmon needs Python 3.11, 3.12 or 3.13, which $(PYTHON) is not; name one with: make $(MAKECMDGOALS) PYTHON=python3.12' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo 'Python cannot make virtual environments here; install what is missing with: apt-get install python3-venv' >&2; exit 1; }
	@$(PYTHON) -m venv .venv

.venv/.demo: pyproject.toml constraints.txt | $(BIN)/pip
	@echo 'Installing diffmon and what it needs into .venv: about 5 GB, some minutes the first time.'
	@$(call INSTALL,demo)
	@touch $@

.venv/.dev: pyproject.toml constraints.txt | $(BIN)/pip
	@echo 'Installing diffmon, what it needs and its test tools into .venv: about 5 GB, some minutes the first time.'
	@$(call INSTALL,dev)
	@touch $@ .venv/.demo
