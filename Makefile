# Every target first installs what is missing: `make demo` is enough right after a clone.
# Each target runs one command of bin/cdc-lab, with ARGS; `bin/cdc-lab --help` lists them all:
#   make up ARGS='--rate 200'      make demo ARGS='--seed 7'      make source-shell ARGS="'SELECT 1'"
# `make setup ENGINES=all` also fetches Debezium, which is otherwise fetched when `--source debezium` first needs it.

LAB := bin/cdc-lab
ARGS ?=
ENGINES ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test up down clean status watch connector-status lag \
	trigger-restart trigger-lag trigger-schema trigger-duplicate trigger-backfill \
	source-shell sink-shell kafka-topics kafka-consume

help: ## Print this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-20s %s\n", $$1, $$2 }'

setup: ## Install what is needed (npm packages, Kafka's jars), and say what cannot be installed
	@ENGINES=$(ENGINES) sh harness/setup/setup.sh

demo: setup ## The five lessons on a sound and a naive pipeline, each with its verdict; then remove everything
	@sh harness/setup/demo.sh $(ARGS)

test: setup ## Type check, lint, unit and integration tests
	@PATH="$(CURDIR)/node_modules/.bin:$$PATH" npm test

up: setup ## Start servers, pipeline, verifier and workload
	@$(LAB) up $(ARGS)

down: setup ## Stop everything; keep data and slot
	@$(LAB) down $(ARGS)

clean: setup ## Stop everything; remove data and slot
	@$(LAB) clean $(ARGS)

status: setup ## Verification report; the exit code is that of its verdict
	@$(LAB) status $(ARGS)

watch: setup ## Verification report, refreshed
	@$(LAB) watch $(ARGS)

connector-status: setup ## State of connectors and tasks
	@$(LAB) connectors $(ARGS)

lag: setup ## Consumer group lag and the slot's retained WAL
	@$(LAB) lag $(ARGS)

trigger-restart: setup ## Lesson 1: kill the capture, start it again
	@$(LAB) trigger restart $(ARGS)

trigger-lag: setup ## Lesson 2: pause the sink for 30 s while writes go on
	@$(LAB) trigger lag $(ARGS)

trigger-schema: setup ## Lesson 3: add a column
	@$(LAB) trigger schema-change $(ARGS)

trigger-duplicate: setup ## Lesson 4: force a second snapshot
	@$(LAB) trigger duplicate-resnapshot $(ARGS)

trigger-backfill: setup ## Lesson 5: insert historical rows
	@$(LAB) trigger backfill $(ARGS)

source-shell: setup ## SQL prompt on the source
	@$(LAB) sql source $(ARGS)

sink-shell: setup ## SQL prompt on the sink
	@$(LAB) sql sink $(ARGS)

kafka-topics: setup ## Topics
	@$(LAB) topics $(ARGS)

kafka-consume: setup ## Newest records of lab.public.customers, or of another topic: ARGS=lab.public.orders
	@$(LAB) consume $(or $(ARGS),lab.public.customers)
