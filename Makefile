# What a person types. `make help` lists it; each target makes what it needs first.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help up down status demo notebook dbt test faults unit mutants lint bench jars lock sbom licences release-check
.PHONY: image compose-up compose-demo compose-run compose-down compose-backup compose-restore compose-erasures image-licences cluster-up cluster-demo cluster-test cluster-down
.NOTPARALLEL:

READY := .venv/.ready
NOTEBOOK_READY := .venv-notebook/.ready
DBT_READY := .venv-dbt/.ready
LAKEHOUSE := .venv/bin/lakehouse
UV := .venv/bin/uv
PYTHON := .venv/bin/python
PROGRESS := python3.11 stack/progress.py

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

up: tools $(READY)  ## start all servers on this machine and wait until they work (fetches them once)
	@$(LAKEHOUSE) up

down: $(READY)  ## stop them; the data stay
	@$(LAKEHOUSE) down

status: $(READY)  ## what is up, where, with which login, and how much memory it takes
	@$(LAKEHOUSE) status

demo: tools $(READY)  ## send the example loads through everything and compare each answer with the expected one
	@$(LAKEHOUSE) demo

notebook: tools $(READY) $(NOTEBOOK_READY)  ## execute the report in notebooks/ against the stack, and write it as a page
	@$(LAKEHOUSE) notebook --page

dbt: tools $(READY) $(DBT_READY)  ## build and test the tables of dbt/ in Trino's memory, from game.*
	@$(LAKEHOUSE) dbt

test: tools unit $(NOTEBOOK_READY) $(DBT_READY)  ## all tests: first those without servers, then those on a stack of their own
	$(PYTHON) -m pytest -m "not extra" --durations=20 tests/model tests/integration tests/e2e tests/faults

faults: tools $(READY)  ## kill, stop and fill servers and jobs, over an hour; stopped, it goes on where it was
	$(PYTHON) -m pytest -m extra tests/integration tests/faults
	$(PYTHON) -m tests.faults

unit: $(READY)  ## the tests that need no server
	$(PYTHON) -m pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile --no-loadscope-reorder tests/unit

mutants: $(READY)  ## 200 random faults in the code, and which of them the unit tests notice; an hour, stopped it goes on
	$(PYTHON) -m tests.mutants

lint: $(READY)  ## style, format and types
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

bench: tools $(READY)  ## measure, each figure beside a baseline of the same run
	$(PYTHON) -m benchmarks

# Until the steps of the start have ended well and every service is healthy. $(1): the compose command. Without -a some of its
# versions leave out what has ended.
define until_healthy
	@echo 'Waiting until views are made, DAGs are read and every service is healthy ...'
	@[ "$$(docker wait $$($(1) ps -aq views dags) | sort -u)" = 0 ] || { $(1) ps; exit 1; }
	$(call healthy,$(1))
endef
# One that does not get well ends `up`; its last checks say why.
define up
	@$(1) up -d $(2) || { for id in $$($(1) ps -aq); do \
	  docker inspect -f '{{with .State.Health}}{{if ne .Status "healthy"}}{{$$.Name}} is {{.Status}}: {{range .Log}}{{.Output}}{{end}}{{end}}{{end}}' \
	  $$id | tail -n 4; done; echo 'docker logs NAME shows more.'; exit 1; } >&2
endef
# No answer is no good one. What a person ran by hand and left does not count.
define healthy
	@states() { docker inspect -f '{{with .State.Health}}{{if ne (index $$.Config.Labels "com.docker.compose.oneoff") "True"}}{{.Status}}{{end}}{{end}}' \
	  $$($(1) ps -aq); }; for _ in {1..150}; do now=$$(states 2>/dev/null); \
	  [[ $$now != *healthy* || $$now == *starting* || $$now == *unhealthy* ]] || exit 0; sleep 2; done; \
	  states >&2; $(1) ps; exit 1
endef

# Containers need an engine and make alone: the image makes the secrets, and nobody waits for a Python to show progress.
PROGRESS_OR_NOT = $(if $(shell command -v python3.11),$(PROGRESS))
# $(1): more options of docker; $(2): a backup that has them.
define secrets
	@mkdir -p -m 700 .compose
	@docker run --rm --user "$$(id -u):$$(id -g)" -v "$(CURDIR)/.compose:/.compose" $(1) --entrypoint python lakehouse \
	  -m stack.containers.secret_files /.compose $(2)
endef

COMPOSE = $(or $(shell command -v docker-compose),docker compose) -f docker/compose.yaml $(COMPOSE_FILES)

image:  ## the container images: of all services, and of the API alone
	@$(PROGRESS_OR_NOT) docker build -f docker/Dockerfile -t lakehouse .
	@$(PROGRESS_OR_NOT) docker build -f docker/Dockerfile -t lakehouse-api --target api .

compose-up: image  ## start all servers in containers, and wait until they work
	$(call secrets)
	@$(COMPOSE) run --rm --no-deps trino --settled
	$(call up,$(COMPOSE))
	$(call until_healthy,$(COMPOSE))

compose-demo:  ## the demo, against the containers
	$(COMPOSE) run --rm --no-deps --entrypoint lakehouse airflow-scheduler demo --running

# Folders of the host are below /host in the container, under their own path, so that its messages name them. What a person
# gives is in the environment of these lines.
by_hand = $(COMPOSE) run --rm --no-deps -e USER="$$(id -un)"

compose-run:  ## run the command `lakehouse` against the containers: COMMAND='quarantine list'
	@[ "$$COMMAND" ] || { echo "Say which command: make compose-run COMMAND='quarantine list'" >&2; exit 1; }
	@eval "set -- $$COMMAND"; $(by_hand) --entrypoint lakehouse-service airflow-scheduler --run lakehouse "$$@"

compose-backup:  ## copy what cannot be made again out of the containers: TO=FOLDER [DRAIN=1]
	@[ "$$TO" ] || { echo 'Say where to: make compose-backup TO=/mnt/backups/2026-11-28 [DRAIN=1]' >&2; exit 1; }
	@mkdir -p "$$(dirname "$$TO")"; in="$$(cd "$$(dirname "$$TO")" && pwd -P)"; \
	  $(by_hand) -v "$$in:/host$$in" backup backup "/host$$in/$$(basename "$$TO")" --owner "$$(id -u):$$(id -g)" \
	  $(if $(DRAIN),--drain)
	@echo 'make compose-erasures TO=FILE copies that list out of its volume.'

compose-erasures:  ## copy the newest list of erasures out of its volume: TO=FILE
	@[ "$$TO" ] || { echo 'Say where to: make compose-erasures TO=/mnt/lists/erasures.jsonl' >&2; exit 1; }
	@umask 077; $(by_hand) -T --entrypoint cat backup /state/airflow/erasures.jsonl > "$$TO.part" \
	  && mv "$$TO.part" "$$TO" || { rm -f "$$TO.part"; exit 1; }

# These serve nobody but jobs.
FILLED = postgres namenode datanode kafka metastore spark

compose-restore: restore-words image  ## fill empty containers with a backup, and start them: FROM=FOLDER ERASURES=FILE|NONE WHY='...' [YES=1]
	$(call secrets,-v "$(from):/host$(from):ro","/host$(from)")
	$(call up,$(COMPOSE),$(FILLED))
	$(call healthy,$(COMPOSE))
	@erasures=(--no-erasures); \
	  [ "$$ERASURES" = NONE ] || { list="$$(cd "$$(dirname "$$ERASURES")" && pwd -P)/$$(basename "$$ERASURES")"; \
	  mount=(-v "$$list:/host$$list:ro"); erasures=(--erasures "/host$$list"); }; \
	  $(by_hand) -v "$(from):/host$(from):ro" "$${mount[@]}" backup restore "/host$(from)" --running --why "$$WHY" \
	  "$${erasures[@]}" $(if $(YES),--yes)
	$(call up,$(COMPOSE))
	$(call until_healthy,$(COMPOSE))
from = $$(cd "$$FROM" && pwd -P)

.PHONY: restore-words
restore-words:
	@[ -d "$$FROM" ] && [ "$$WHY" ] && { [ "$$ERASURES" = NONE ] || [ -f "$$ERASURES" ]; } || \
	  { echo "Say which backup, the newest list of erasures (NONE: nobody was erased since) and why: make compose-restore" \
	  "FROM=FOLDER ERASURES=FILE WHY='the disk is gone'. FOLDER and FILE must be there." >&2; exit 1; }

CLUSTER = COMPOSE_PROJECT_NAME=$(or $(CLUSTER_PROJECT),lakehouse-cluster) $(COMPOSE) -f docker/compose.cluster.yaml $(CLUSTER_FILES)

cluster-up: image  ## start all servers as a cluster of containers, most of them twice or thrice; 12 GB
	$(call secrets)
	$(call up,$(CLUSTER))
	$(call until_healthy,$(CLUSTER))

cluster-demo:  ## the demo, against the cluster
	$(CLUSTER) run --rm --no-deps --entrypoint lakehouse airflow-scheduler demo --running

cluster-test: image $(READY)  ## kill, cut off and fill containers of a cluster, over an hour; stopped, it goes on where it was
	@$(PROGRESS) docker build -t lakehouse-clock docker/clock
	$(PYTHON) -m tests.cluster

cluster-down:  ## stop and remove the cluster; the data stay
	$(CLUSTER) down $(VOLUMES)

image-licences:  ## of all that is in the image, Debian's packages too, a line a part
	@docker run --rm --entrypoint sh lakehouse -c 'cat /usr/share/doc/lakehouse/licences*'

compose-down:  ## stop and remove the containers; the data stay
	$(COMPOSE) down $(VOLUMES)

jars: tools $(READY)  ## fetch the servers only (`make up` does it too)
	@$(LAKEHOUSE) fetch

sbom: fetched  ## list all packages, jars and what is inside of jars, with licences: build/sbom.cdx.json, CycloneDX
	@$(PYTHON) -m release sbom

licences: fetched  ## write docs/licences.md anew, and say which licences nobody has allowed
	@$(PYTHON) -m release licences

release-check: fetched  ## all that must hold before a release, except for the tests that need servers
	@$(PYTHON) -m release check

# Everything that is inside of a release, to be listed.
.PHONY: fetched
fetched: tools $(READY) $(NOTEBOOK_READY) $(DBT_READY)
	@$(LAKEHOUSE) fetch

# Jupyter and dbt have environments of their own: some of their packages exclude some of Airflow's.
.venv-%/.ready: requirements/%.txt $(READY)
	@echo 'Making .venv-$* from requirements/$*.txt (once) ...'
	@[ -x .venv-$*/bin/python ] || $(PROGRESS) python3.11 -m venv .venv-$*
	@$(PROGRESS) $(UV) pip sync --system-certs --python .venv-$*/bin/python --require-hashes requirements/$*.txt
	@touch $@

lock: $(READY)  ## write requirements/*.txt anew from requirements/*.in
	$(UV) pip compile -q --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
	  requirements/bootstrap.in -o requirements/bootstrap.txt
	$(UV) pip compile -q --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
	  --overrides requirements/overrides.txt requirements/dev.in -o requirements/lock.txt
	$(UV) pip compile -q --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
	  --constraints requirements/lock.txt requirements/api.in -o requirements/api.txt
	$(UV) pip compile -q --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
	  requirements/notebook.in -o requirements/notebook.txt
	$(UV) pip compile -q --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
	  requirements/dbt.in -o requirements/dbt.txt

# Says in one line what is missing, before minutes go into what will not work without it.
.PHONY: tools
tools:
	@python3.11 -c '' 2>/dev/null || { echo 'Python 3.11 is needed: there is no working python3.11 on PATH.' >&2; exit 1; }
	@[ -x "$$JAVA_HOME/bin/java" ] || command -v java >/dev/null || { echo 'Java 17 is needed: set JAVA_HOME, or put java on PATH.' >&2; exit 1; }
	@[ -f .servers/.complete ] || command -v mvn >/dev/null || { echo 'Maven is needed to fetch the servers: there is no mvn on PATH.' >&2; exit 1; }

# The environment, exactly as locked. `uv pip sync` and not `install`: see requirements/overrides.txt.
$(READY): requirements/bootstrap.txt requirements/lock.txt Makefile
	@python3.11 -c '' 2>/dev/null || { echo 'Python 3.11 is needed: there is no working python3.11 on PATH.' >&2; exit 1; }
	@echo 'Making .venv from requirements/lock.txt (1.6 GB, once) ...'
	@[ -x $(PYTHON) ] || $(PROGRESS) python3.11 -m venv .venv
	@$(PROGRESS) $(PYTHON) -m pip install --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@$(PROGRESS) $(UV) pip sync --system-certs --python $(PYTHON) --require-hashes --compile-bytecode requirements/lock.txt
	@echo '$(CURDIR)' > "$$($(PYTHON) -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/lakehouse.pth"
	@printf '#!/bin/sh\nexec "$${0%%/*}/python" -m operations.cli "$$@"\n' > $(LAKEHOUSE) && chmod +x $(LAKEHOUSE)
	@touch $@
