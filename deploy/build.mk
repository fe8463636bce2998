# The artifact for Lambda (arm64, python3.13), made on any host: `sam build` calls build-<LogicalId> for each function and
# for the layer. Included by the Makefile, which sets UV and PYTHON.

SAM := .local/sam/bin/sam
ARTIFACT := .aws-sam/build
export SAM_CLI_TELEMETRY := 0

# aws-sam-cli pins a botocore of its own, hence an environment of its own.
$(SAM): uv.lock | $(UV)
	UV_PROJECT_ENVIRONMENT=.local/sam $(UV) sync --frozen --only-group sam --quiet
	touch $(SAM)

.PHONY: build
build: $(SAM) ## make the artifact for Lambda (arm64, Python 3.13) and check it
	rm -rf $(ARTIFACT)
	$(SAM) build --build-in-source --template template.yaml --build-dir $(ARTIFACT)
	$(PYTHON) deploy/check_artifact.py $(ARTIFACT)

# Third-party code: what uv.lock says, without boto3, which the runtime brings.
build-Dependencies:
	mkdir -p "$(ARTIFACTS_DIR)/python"
	$(UV) export --frozen --quiet --no-dev --no-emit-project --prune boto3 > "$(ARTIFACTS_DIR)/requirements.txt"
	$(UV) pip install --quiet --target "$(ARTIFACTS_DIR)/python" --require-hashes --no-deps --only-binary :all: \
	  --python-platform aarch64-manylinux_2_28 --python-version 3.13 --requirements "$(ARTIFACTS_DIR)/requirements.txt"
	find "$(ARTIFACTS_DIR)/python" -name __pycache__ -prune -exec rm -rf {} +
	$(call COMPILE,$(ARTIFACTS_DIR)/python)

# Own code: every function under its repository path, with everything shared.
build-%:
	tar -cf - --exclude __pycache__ functions shared | tar -xf - -C "$(ARTIFACTS_DIR)"
	$(call COMPILE,$(ARTIFACTS_DIR))

# Only Lambda's own version can write its bytecode; without it the cold start compiles. Unchecked: unpacking changes times.
COMPILE = @if python=$$($(UV) python find --system --no-python-downloads 3.13 2>/dev/null); \
	then "$$python" -m compileall -q --invalidation-mode unchecked-hash "$(1)"; \
	else echo "no Python 3.13 on this machine: the artifact has no bytecode"; fi
