"""The schema with the names of the real ComfyUI whose address COMFYGEN_TEST_URL gives; see tests/real/README.md."""

from __future__ import annotations

import json
import os

import jsonschema
import pytest

from pytest_comfygen.engine.client import ComfyClient
from tests.repository import Repository

URL = os.environ.get("COMFYGEN_TEST_URL", "")
pytestmark = [pytest.mark.real, pytest.mark.skipif(not URL, reason="set COMFYGEN_TEST_URL to a running ComfyUI")]


def test_it_has_the_servers_own_lists(repository: Repository) -> None:
    with ComfyClient(URL) as client:
        inputs = client.object_info()
    checkpoints = inputs["CheckpointLoaderSimple"]["input"]["required"]["ckpt_name"][0]
    sampler = inputs["KSampler"]["input"]["required"]

    result = repository.run("--comfy-schema", "--comfy-url", URL)

    schema = json.loads(result.stdout.str())
    jsonschema.Draft7Validator.check_schema(schema)
    keys = schema["definitions"]["Keys"]["properties"]
    assert keys["checkpoint"]["anyOf"][0] == {"enum": checkpoints}
    assert keys["sampler"]["anyOf"][0] == {"enum": sampler["sampler_name"][0]}
    assert keys["scheduler"]["anyOf"][0] == {"enum": sampler["scheduler"][0]}
    preprocessors = schema["definitions"]["Preprocessor"]["anyOf"][1]["enum"]
    assert {"Canny", "ImageInvert"} <= set(preprocessors)
    assert not {"SaveImage", "LoadImage", "KSampler", "VAEDecode"} & set(preprocessors)


@pytest.mark.parametrize(("sampler", "valid"), [("euler", True), ("oiler", False)])
def test_editors_refuse_a_sampler_that_it_does_not_have(repository: Repository, sampler: str, *, valid: bool) -> None:
    result = repository.run("--comfy-schema", "--comfy-url", URL)
    document = {"comfyjob": 1, "items": {"kin": {"prompt": "a kin", "checkpoint": "a role", "sampler": sampler}}}

    assert jsonschema.Draft7Validator(json.loads(result.stdout.str())).is_valid(document) == valid
