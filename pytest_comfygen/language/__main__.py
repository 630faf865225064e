"""`python -m pytest_comfygen.language` prints the JSON Schema of job files."""

from __future__ import annotations

import json
import sys

from pytest_comfygen.language.schema.draft07 import json_schema

sys.stdout.write(json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n")
