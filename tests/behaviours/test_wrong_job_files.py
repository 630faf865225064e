"""Every wrong job file is refused at its place, with its code, and with words that help to mend it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from pytest_comfygen.errors import JobFileError
from pytest_comfygen.language.expand import load_job_file
from tests.repository import Repository

JSON = "jobs/wrong.comfyjob.json"
HEAD = "comfyjob: 1\n"
START = HEAD + "defaults: {checkpoint: base.safetensors}\n"
ITEM = START + "items:\n  kin:\n    prompt: a dwarf\n"


@dataclass(frozen=True)
class Wrong:
    """A wrong job file and what must be said of it.

    :param name: of the job file, relative to the repository.
    """

    id: str
    text: str | bytes
    code: str
    line: int
    column: int
    message: str
    hint: str = ""
    name: str = "jobs/wrong.comfyjob.yaml"


def item(line: str) -> str:
    """A job file whose sixth line is one more key of an item that is right without it."""
    return f"{ITEM}    {line}\n"


def output(settings: str) -> str:
    """A job file whose third line says where the images go."""
    return f"{START}output: {settings}\nitems: {{kin: a dwarf}}\n"


def names(*names: str) -> str:
    """A job file with items from its fourth line on."""
    return START + "items:\n" + "".join(f"  {name}: a dwarf\n" for name in names)


def server(url: str) -> str:
    """A job file whose second line names a server."""
    return f"{HEAD}server: {{url: '{url}'}}\nitems: {{kin: a dwarf}}\n"


def started(key: str, *entries: str) -> str:
    """A job file whose second line asks something of a server that is started; its entries begin in column 1."""
    return (
        f"{HEAD}server: {{{key}: [\n{''.join(f'{entry},{chr(10)}' for entry in entries)}]}}\nitems: {{kin: a dwarf}}\n"
    )


def chain(*starts: str) -> str:
    """A job file whose items from the fourth line on, called a, b, c …, start from others."""
    items = zip("abcdefgh", starts, strict=False)
    return f"{START}items:\n" + "".join(f"  {name}: {{prompt: x, init_image: {start}}}\n" for name, start in items)


def parts(keys: str) -> str:
    """A job file whose third line has an item drawn from a model alone."""
    return f"{HEAD}items:\n  kin: {{prompt: x, {keys}}}\n"


def model(entry: str) -> str:
    """A job file whose second line declares a model, and whose fourth uses it."""
    return f"{HEAD}models: {{base: {{{entry}}}}}\nitems:\n  kin: {{prompt: a, checkpoint: base}}\n"


def workflow(path: str, sets: str = "{}") -> str:
    """A job file with a workflow in its third line and a `set` in its fourth."""
    return f"{HEAD}items:\n  kin: {{workflow: {path},\n    set: {sets}}}\n"


def chosen(node: str) -> str:
    """A job file with a workflow and, in its fourth line, the node whose picture is taken."""
    return f"{HEAD}items:\n  kin: {{workflow: draw.json,\n    output_node: {node}}}\n"


BOMB = START + "a: &a [x, x, x, x, x, x, x, x, x]\n"
BOMB += "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)

NEAR_ROLE = model("file: checkpoints/a.ckpt").replace("checkpoint: base", "checkpoint: bass")
NEAR_VARIABLE = START + "items: {kin: {prompt: 'a ${styel}', vars: {style: oil}}}\n"
ONE_FILE = output("{file: kin.png}").replace("kin: a dwarf", "a: x, b: y")
JPEG_ALPHA = output('{file: "${name}.jpg"}').replace("a dwarf", "{prompt: a, verify: {mode: RGBA}}")
PLAYING = f'{HEAD}output: {{file: "${{name}}.mp4"}}\nitems:\n  kin: {{workflow: draw.json, verify: {{%s}}}}\n'
PALETTE_JPEG = JPEG_ALPHA.replace("mode: RGBA", "palette: 16")
MERGE_BOMB = "comfyjob: 1\na: &a {x: 1}\nb: &b\n  <<: [*a, *a, *a, *a, *a, *a, *a, *a, *a]\nitems: {}\n"

WRONG = (
    # --- text that is no document
    Wrong("empty", "", "empty-file", 1, 1, "holds no job", "start with `comfyjob: 1`"),
    Wrong("only-comments", "# nothing\n# here\n", "empty-file", 1, 1, "holds no job"),
    Wrong("no-items", HEAD + "items: {}\n", "empty-file", 2, 8, "no item", "add an image"),
    Wrong("null-items", HEAD + "items:\n", "empty-file", 2, 7, "no item", "add an image"),
    Wrong(
        "merge-conflict",
        f"{HEAD}items:\n<<<<<<< HEAD\n  a: x\n",
        "syntax",
        3,
        1,
        "conflict markers",
        "delete the markers",
    ),
    Wrong("list", "- comfyjob: 1\n", "wrong-type", 1, 1, "must be a mapping, not a list"),
    Wrong("text", "just words\n", "wrong-type", 1, 1, "not the text 'just words'"),
    Wrong("not-utf8", b"comfyjob: 1\nitems: {kin: caf\xe9}\n", "not-utf8", 2, 17, "0xe9 at offset 28", "UTF-8"),
    Wrong("utf16", "comfyjob: 1\n".encode("utf-16"), "not-utf8", 1, 1, "byte 0xff", "UTF-16"),
    Wrong("control-character", HEAD + "items: {kin: a\x07b}\n", "syntax", 2, 15, "U+0007", "remove"),
    Wrong("nul", HEAD + "items: {kin: a\x00b}\n", "syntax", 2, 15, "U+0000"),
    Wrong("escaped-nul", HEAD + 'items: {kin: "a\\0b"}\n', "syntax", 2, 14, "U+0000"),
    Wrong("tab", HEAD + "items:\n\tkin: a dwarf\n", "tab", 3, 1, "a tab", "spaces"),
    Wrong("tab-in-continuation", HEAD + "items:\n  kin: a\n\t dwarf\n", "tab", 4, 1, "a tab", "spaces"),
    Wrong("colon-in-prompt", HEAD + "items:\n  kin: a dwarf: stout\n", "syntax", 3, 15, "mapping values", "quotes"),
    Wrong("unclosed-quote", HEAD + 'items:\n  kin: "a dwarf\n', "syntax", 4, 1, "end of stream", "close the quotes"),
    Wrong("braces-in-flow", HEAD + "items: {kin: {prompt: a ${x} b}}\n", "syntax", 2, 26, "expected", "${…}"),
    Wrong("at-sign", HEAD + "items:\n  kin: @dwarf\n", "syntax", 3, 8, "cannot start", "quotes"),
    Wrong("unknown-alias", HEAD + "items: {kin: *dwarf}\n", "syntax", 2, 14, "*dwarf refers to no `&dwarf`"),
    Wrong("two-documents", ITEM + "---\ncomfyjob: 1\n", "several-documents", 6, 1, "second document", "split"),
    Wrong("duplicate-item", names("kin", "elf", "kin"), "duplicate-key", 6, 3, "wrong.comfyjob.yaml:4:3", "remove"),
    Wrong("duplicate-key", item("prompt: an elf"), "duplicate-key", 6, 5, "'prompt' stands here again", "remove one"),
    Wrong("deep-brackets", HEAD + "items: " + "[" * 50_000, "too-deep", 2, 39, "32 levels"),
    Wrong("deep-braces", HEAD + "items: " + "{a: " * 50_000, "too-deep", 2, 132, "32 levels"),
    Wrong("deep-blocks", HEAD + "items:\n  " + "- " * 50_000, "too-deep", 3, 65, "32 levels"),
    Wrong("alias-bomb", BOMB, "too-large", 9, 16, "2,000,000 values", "fewer aliases"),
    Wrong("merge-bomb", MERGE_BOMB, "merge-key", 4, 3, "`<<`", "defaults"),
    Wrong("merge-key", item("<<: {steps: 3}"), "merge-key", 6, 5, "`<<`", "put shared keys under `defaults:`"),
    Wrong("recursive-alias", HEAD + "items: &a {kin: *a}\n", "recursive-alias", 2, 17, "*a stands inside"),
    Wrong("tag", item("steps: !!int 3"), "yaml-tag", 6, 12, "plain data", "remove the tag"),
    Wrong("python-tag", item("seed: !!python/object/apply:os.getcwd []"), "yaml-tag", 6, 11, "python/object", "remove"),
    Wrong("huge-integer", item("seed: " + "9" * 5000), "out-of-range", 6, 11, "5000 digits", "quotes"),
    Wrong("list-as-key", HEAD + "items: {[a]: b}\n", "wrong-type", 2, 9, "a key must be a text"),
    Wrong("token", item("negative: hf_" + "a1B2" * 8), "secret", 6, 15, "an access token", "HF_TOKEN"),
    Wrong("token-in-comment", "# hf_" + "a1B2" * 8 + "\n" + ITEM, "secret", 1, 3, "an access token", "revoke"),
    # --- keys
    Wrong("no-version", "items: {kin: a dwarf}\n", "missing-key", 1, 1, "`comfyjob` is missing", "comfyjob:"),
    Wrong("version-2", "comfyjob: 2\nfuture: 1\n", "language-version", 1, 11, "no version 2", "upgrade"),
    Wrong("version-text", 'comfyjob: "1"\nitems: {kin: a}\n', "wrong-type", 1, 11, "must be 1, not the text '1'"),
    Wrong("version-true", "comfyjob: true\nitems: {kin: a}\n", "wrong-type", 1, 11, "must be 1, not true"),
    Wrong("items-missing", HEAD + "output: {dir: out}\n", "missing-key", 1, 1, "`items` is missing", "add `items:`"),
    Wrong("items-list", HEAD + "items: [a dwarf]\n", "wrong-type", 2, 8, "items must be a mapping of names"),
    Wrong("unknown-key", item("step: 3"), "unknown-key", 6, 5, "'step'", "did you mean `steps`?"),
    Wrong("unknown-key-far", item("colour: red"), "unknown-key", 6, 5, "'colour'", "allowed here: prompt, negative"),
    Wrong("unknown-top-key", HEAD + "item: {}\nitems: {kin: a}\n", "unknown-key", 2, 1, "'item'", "mean `items`?"),
    Wrong("prompt-at-top", HEAD + "promt: a\nitems: {kin: }\n", "unknown-key", 2, 1, "'promt'", "put `prompt` under"),
    Wrong("output-in-item", item("output: {dir: x}"), "unknown-key", 6, 5, "'output'", "at the top level"),
    Wrong("candidates", item("candidates: 1"), "out-of-range", 6, 17, "candidates must be an integer from 2 to 64", ""),
    Wrong("alpha-word", item("verify: {alpha: some}"), "out-of-range", 6, 21, "must be needed, forbidden"),
    Wrong("alpha-type", item("verify: {alpha: true}"), "wrong-type", 6, 21, "must be needed, forbidden"),
    Wrong("alpha-range", item("verify: {alpha: {min: 2}}"), "out-of-range", 6, 27, "a number from 0 to 1"),
    Wrong("alpha-order", item("verify: {alpha: {min: 0.5, max: 0}}"), "out-of-range", 6, 21, "above its `max`"),
    Wrong("alpha-empty", item("verify: {alpha: {}}"), "out-of-range", 6, 21, "neither `min` nor `max`"),
    Wrong(
        "alpha-both", item("verify: {alpha: {rule: needed, min: 0}}"), "conflicting-keys", 6, 21, "it takes `rule`, or"
    ),
    Wrong(
        "alpha-of-rgb", item("verify: {alpha: needed}"), "conflicting-keys", 6, 21, "mode RGB has no", "`transparent:`"
    ),
    Wrong(
        "share-of-rgb", item("verify: {alpha: {min: 0.1}}"), "conflicting-keys", 6, 21, "mode RGB has no transparency"
    ),
    Wrong("bytes-unit", item("verify: {bytes: 2 pounds}"), "wrong-type", 6, 21, "335 MiB"),
    Wrong("bytes-order", item("verify: {bytes: {min: 2 MB, max: 1 MB}}"), "out-of-range", 6, 21, "above its `max`"),
    Wrong("palette-colour", item("verify: {palette: [red]}"), "wrong-type", 6, 23, 'a colour such as "#1a1c2c"'),
    Wrong("palette-empty", item("verify: {palette: []}"), "out-of-range", 6, 23, "at least one colour"),
    Wrong("palette-none", item("verify: {palette: {}}"), "out-of-range", 6, 23, "neither `max_colours` nor"),
    Wrong("palette-number", item("verify: {palette: 0}"), "out-of-range", 6, 23, "from 1 to 65 536"),
    Wrong("palette-jpeg", PALETTE_JPEG, "conflicting-keys", 4, 44, "does not keep colours", ".png"),
    Wrong("palette-playing", PLAYING % "palette: 16", "conflicting-keys", 4, 48, "`palette` is for stills", "remove"),
    Wrong("baseline-playing", PLAYING % "similar_to: a.png", "conflicting-keys", 4, 51, "is for stills", "remove"),
    Wrong("alpha-playing", PLAYING % "alpha: needed", "conflicting-keys", 4, 46, "holds no transparency", ".webp"),
    Wrong("duplicates-word", item("verify: {duplicates: never}"), "out-of-range", 6, 26, "allow, or an integer"),
    Wrong("duplicates-far", item("verify: {duplicates: 33}"), "out-of-range", 6, 26, "from 0 to 32"),
    Wrong(
        "baseline-both",
        item("verify: {similar_to: {file: a.png, item: b}}"),
        "conflicting-keys",
        6,
        26,
        "one of `file`",
    ),
    Wrong("baseline-format", item("verify: {similar_to: a.gif}"), "unknown-format", 6, 26, "'a.gif'", ".png"),
    Wrong("baseline-outside", item("verify: {similar_to: ../../a.png}"), "outside-repository", 6, 26, "leads out"),
    Wrong("baseline-item", item("verify: {similar_to: {item: kind}}"), "unknown-item", 6, 33, "'kind'", "`kin`"),
    Wrong("baseline-itself", item("verify: {similar_to: {item: kin}}"), "item-cycle", 6, 33, "itself"),
    Wrong("baseline-key", item("verify: {similar_to: {distanc: 3}}"), "unknown-key", 6, 27, "'distanc'", "`distance`"),
    Wrong("siblings-number", item("verify: {siblings: 3}"), "wrong-type", 6, 24, "true, false, or a mapping"),
    Wrong("scorer-alone", item("verify: {scorer: nice}"), "conflicting-keys", 6, 22, "needs `min_score`", "add"),
    Wrong("score-alone", item("verify: {min_score: 3}"), "conflicting-keys", 6, 25, "needs `scorer`", "add"),
    Wrong("scorer-command", item("verify: {scorer: rm -rf, min_score: 1}"), "out-of-range", 6, 22, "a name of letters"),
    Wrong("retries-many", item("verify: {retries: 21}"), "out-of-range", 6, 23, "from 0 to 20"),
    # --- values
    Wrong("steps-text", item('steps: "30"'), "wrong-type", 6, 12, "an integer from 1 to 1000", "remove the quotes"),
    Wrong("steps-true", item("steps: yes"), "wrong-type", 6, 12, "not the text 'yes'"),
    Wrong("steps-fraction", item("steps: 1.5"), "wrong-type", 6, 12, "not the number 1.5"),
    Wrong("steps-zero", item("steps: 0"), "out-of-range", 6, 12, "not the number 0"),
    Wrong("prompt-number", START + "items: {kin: {prompt: 7}}\n", "wrong-type", 3, 23, "a text", "in quotes"),
    Wrong("prompt-list", START + "items: {kin: {prompt: [a]}}\n", "wrong-type", 3, 23, "not a list"),
    Wrong("prompt-long", START + f"items: {{kin: {'a' * 100_001}}}\n", "out-of-range", 3, 14, "100 000 characters"),
    Wrong("item-number", START + "items: {kin: 5}\n", "wrong-type", 3, 14, "a mapping, a prompt, or nothing"),
    Wrong("size-zero", item("size: 0x0"), "wrong-type", 6, 11, "not the number 0", "quotes"),
    Wrong("size-no-width", item("size: 512x0"), "out-of-range", 6, 11, "not the text '512x0'"),
    Wrong("size-large", item("size: 100000x512"), "out-of-range", 6, 11, "16 to 16384 pixels"),
    Wrong("size-words", item("size: wide"), "wrong-type", 6, 11, "such as 832x1216"),
    Wrong("size-not-8", item("size: 513x512"), "out-of-range", 6, 11, "multiple of 8", "write 512x512"),
    Wrong("seed-negative", item("seed: -1"), "out-of-range", 6, 11, "not the number -1"),
    Wrong("seed-2-64", item("seed: 18446744073709551616"), "out-of-range", 6, 11, "from 0 to 2**64-1"),
    Wrong("seed-fraction", item("seed: 1.5"), "wrong-type", 6, 11, "an integer"),
    Wrong("seed-word", item("seed: from-nam"), "out-of-range", 6, 11, "from-name, from-prompt, random"),
    Wrong("cfg-nan", item("cfg: .nan"), "out-of-range", 6, 10, "not the number nan"),
    Wrong("cfg-infinity", item("cfg: 1e999"), "out-of-range", 6, 10, "not the number inf"),
    Wrong("cfg-date", item("cfg: 2026-13-45"), "wrong-type", 6, 10, "not the text '2026-13-45'"),
    Wrong("status", item("status: done"), "out-of-range", 6, 13, "planned or approved"),
    Wrong("stale-on", item("stale_on: [seed]"), "out-of-range", 6, 16, "one of prompt, params"),
    Wrong("tags-text", item("tags: portrait"), "wrong-type", 6, 11, "a list", "write [portrait]"),
    Wrong("tag-unfit", item("tags: [no spaces]"), "bad-name", 6, 11, "cannot be a pytest mark", "begin with a letter"),
    Wrong("tag-taken", item("tags: [skip]"), "bad-name", 6, 11, "a meaning of its own to pytest", "another word"),
    Wrong("verify-range", item("verify: {min_stddev: 200}"), "out-of-range", 6, 26, "from 0 to 127.5"),
    Wrong("vars-list", item("vars: {style: [oil]}"), "wrong-type", 6, 19, "a finite number"),
    Wrong("vars-name", item("vars: {my style: oil}"), "bad-name", 6, 12, "'my style'", "letters, digits"),
    Wrong("vars-own-name", item("vars: {name: oil}"), "conflicting-keys", 6, 12, "${name} of its own", "another name"),
    # --- what an item needs
    Wrong("no-prompt", START + "items:\n  kin:\n", "no-prompt", 4, 3, "'kin' has no prompt", "`prompt:`"),
    Wrong("no-checkpoint", HEAD + "items: {kin: a dwarf}\n", "missing-key", 2, 9, "no `checkpoint`", "defaults"),
    Wrong("unknown-role", item("checkpoint: bas"), "unknown-role", 6, 17, "'bas'", "declare the role"),
    Wrong("unknown-role-near", NEAR_ROLE, "unknown-role", 4, 32, "'bass'", "did you mean `base`?"),
    Wrong(
        "role-no-checkpoint", model("file: loras/a.pt"), "wrong-type", 4, 32, "loras/, not a checkpoint", "checkpoints/"
    ),
    Wrong("model-file", model("file: a.ckpt"), "bad-path", 2, 23, "no file of a model folder", "checkpoints/"),
    Wrong("model-file-climbs", model("file: checkpoints/../a.ckpt"), "bad-path", 2, 23, "climbs"),
    Wrong("model-key", model("url: 'https://x/y'"), "missing-key", 2, 10, "`file`"),
    Wrong("model-size", model("file: a/b.pt, size: 7 ells"), "wrong-type", 2, 37, "6.94 GB"),
    Wrong("size-one-side", item("size: 64"), "wrong-type", 6, 11, "the number 64", "write both sides: 64x64"),
    Wrong("status-near", item("status: approve"), "out-of-range", 6, 13, "'approve'", "did you mean `approved`?"),
    Wrong("mode-near", item("verify: {mode: RBG}"), "out-of-range", 6, 20, "'RBG'", "did you mean `RGB`?"),
    Wrong("model-sha256", model("file: a/b.pt, sha256: abc"), "wrong-type", 2, 39, "64 hexadecimal digits"),
    Wrong("unknown-variable", item("negative: ${styel}"), "unknown-variable", 6, 15, "${styel}", "known here: name"),
    Wrong("unknown-variable-near", NEAR_VARIABLE, "unknown-variable", 3, 23, "${styel}", "did you mean ${style}?"),
    Wrong("open-template", item("negative: a ${name"), "bad-template", 6, 15, "not closed", "${name}"),
    Wrong("template-code", item("negative: ${name.__class__}"), "bad-template", 6, 15, "no variable name", "`$$`"),
    # --- names and outputs
    Wrong("name-colons", names("a::b"), "bad-name", 4, 3, "holds ':'", "letters, digits"),
    Wrong("name-brackets", names('"a[b]"'), "bad-name", 4, 3, "holds '['"),
    Wrong("name-slash", names("a/b"), "bad-name", 4, 3, "holds '/'"),
    Wrong("name-dots", names(".."), "bad-name", 4, 3, "begins with '.'"),
    Wrong("name-dash", names('"-k"'), "bad-name", 4, 3, "begins with '-'"),
    Wrong("name-trailing-dot", names("kin."), "bad-name", 4, 3, "ends with a dot"),
    Wrong("name-windows", names("nul"), "bad-name", 4, 3, "NUL, a device on Windows"),
    Wrong("name-windows-suffix", names("aux.v2"), "bad-name", 4, 3, "AUX, a device on Windows"),
    Wrong("name-zero-width", names("k\u200bin"), "bad-name", 4, 3, "holds U+200B"),
    Wrong("name-bidi", names("k\u202ein"), "bad-name", 4, 3, "holds U+202E"),
    Wrong("name-newline", names('"a\\nb"'), "bad-name", 4, 3, "holds U+000A"),
    Wrong("name-long", names("k" * 151), "bad-name", 4, 3, "longer than 150"),
    Wrong(
        "same-output", ONE_FILE, "output-collision", 4, 15, "'a' at jobs/wrong.comfyjob.yaml:4:9", "another `output`"
    ),
    Wrong("case-collision", names("Kin", "kin"), "output-collision", 5, 3, "differs only in case", "rename one"),
    Wrong("nfc-collision", names("caf\u00e9", "cafe\u0301"), "output-collision", 5, 3, "case or accents"),
    Wrong("output-outside", output("{dir: ../../other}"), "outside-repository", 3, 15, "to ../other", "below"),
    Wrong("output-through-link", output("{dir: ../link}"), "outside-repository", 3, 15, "through a link"),
    Wrong("output-absolute", output("{dir: /tmp/out}"), "bad-path", 3, 15, "is absolute", "relative"),
    Wrong("output-drive", output("{dir: 'C:/out'}"), "bad-path", 3, 15, "is absolute", "relative"),
    Wrong("output-backslash", output("{dir: 'a\\b'}"), "bad-path", 3, 15, "a backslash", "forward slashes"),
    Wrong("output-unc", output("{dir: '//host/share'}"), "bad-path", 3, 15, "is absolute"),
    Wrong("output-git", output("{dir: ../.git/hooks}"), "bad-path", 3, 15, "leads into .git"),
    Wrong("output-state", output("{dir: ../.ComfyGen}"), "bad-path", 3, 15, "leads into .ComfyGen"),
    Wrong("output-windows", output("{dir: out/con}"), "bad-path", 3, 15, "CON, a device on Windows"),
    Wrong("output-trailing-space", output("{dir: 'out /x'}"), "bad-path", 3, 15, "a dot or a space"),
    Wrong("file-climbs", output('{file: "../${name}.png"}'), "bad-path", 3, 16, "climbs with `..`"),
    Wrong("file-absolute", output('{file: "/${name}.png"}'), "bad-path", 3, 16, "is absolute"),
    Wrong("file-windows", output("{file: com¹.png}"), "bad-path", 3, 16, "COM¹, a device on Windows"),
    Wrong("file-question-mark", output("{file: 'a?.png'}"), "bad-path", 3, 16, "holds '?'"),
    Wrong("file-bidi", output('{file: "a\\u202eb.png"}'), "bad-path", 3, 16, "holds U+202E"),
    Wrong("file-long", output(f"{{file: {'é' * 120}.png}}"), "bad-path", 3, 16, "more than 200 bytes"),
    Wrong("file-format", output("{file: kin.bmp}"), "unknown-format", 3, 16, "'kin.bmp'", ".png, .webp or .jpg"),
    Wrong("file-gif", output("{file: kin.gif}"), "unknown-format", 3, 16, "no gif", "a `workflow:` that makes it"),
    Wrong("file-mp4", output("{file: kin.mp4}"), "unknown-format", 3, 16, "no mp4", "a `workflow:` that makes it"),
    Wrong("frames-of-a-still", item("verify: {frames: 2}"), "conflicting-keys", 6, 22, "`frames` is for", "remove"),
    Wrong("frames-zero", item("verify: {frames: 0}"), "out-of-range", 6, 22, "not the number 0"),
    Wrong("frames-text", item("verify: {frames: many}"), "wrong-type", 6, 22, "not the text 'many'"),
    Wrong("frames-true", item("verify: {frames: true}"), "wrong-type", 6, 22, "not true"),
    Wrong("frames-empty", item("verify: {frames: {}}"), "out-of-range", 6, 22, "neither `min` nor `max`"),
    Wrong("frames-order", item("verify: {frames: {min: 3, max: 2}}"), "out-of-range", 6, 22, "`min` is above"),
    Wrong("frames-part", item("verify: {frames: {min: 0}}"), "out-of-range", 6, 28, "not the number 0"),
    Wrong("frames-key", item("verify: {frames: {least: 2}}"), "unknown-key", 6, 23, "'least'", "min, max"),
    Wrong("duration-zero", item("verify: {duration: 0}"), "out-of-range", 6, 24, "not the number 0"),
    Wrong("duration-text", item("verify: {duration: 5s}"), "wrong-type", 6, 24, "not the text '5s'"),
    Wrong("file-no-suffix", output("{file: kin}"), "unknown-format", 3, 16, "'kin'"),
    Wrong("jpeg-alpha", JPEG_ALPHA, "conflicting-keys", 4, 41, "no transparency", ".png"),
    # --- servers and models from elsewhere
    Wrong("server-elsewhere", server("http://10.0.0.1:8188"), "not-loopback", 2, 15, "10.0.0.1", "--comfy-url"),
    Wrong("server-lookalike", server("http://localhost.example.org:1"), "not-loopback", 2, 15, "not on this machine"),
    Wrong("server-userinfo", server("http://me:pw@localhost:1"), "secret", 2, 15, "user name or password"),
    Wrong("server-no-port", server("http://localhost"), "wrong-type", 2, 15, "http://127.0.0.1:PORT"),
    Wrong("model-url", model("file: a/b.pt, url: 'http://example.org/b.pt'"), "wrong-type", 2, 36, "https://"),
    Wrong(
        "args-listen", started("args", "--lowvram", "--listen=0.0.0.0"), "out-of-range", 4, 1, "'--listen'", "memory"
    ),
    Wrong("args-near", started("args", "--lowvam"), "out-of-range", 3, 1, "'--lowvam'", "did you mean `--lowvram`?"),
    Wrong("args-text", f"{HEAD}server: {{args: --cpu}}\nitems:\n  kin:\n", "wrong-type", 2, 16, "a list", "[--cpu]"),
    Wrong("args-number", started("args", "--cache-lru", "10"), "wrong-type", 4, 1, "the number 10", "in quotes"),
    Wrong(
        "args-no-number", started("args", "--reserve-vram=2x"), "out-of-range", 3, 1, "gigabytes such as 1.5, not '2x'"
    ),
    Wrong(
        "args-exclusive",
        started("args", "--lowvram", "--cpu-vae", "--highvram"),
        "conflicting-keys",
        5,
        1,
        "--highvram and --lowvram exclude each other",
        "remove one",
    ),
    Wrong("node-unpinned", started("custom_nodes", "https://x/a"), "wrong-type", 3, 1, "a pinned revision", ""),
    Wrong("node-password", started("custom_nodes", "https://me:pw@x/a@v1"), "secret", 3, 1, "user name or password"),
    Wrong("node-bidi", started("custom_nodes", '"https://x/\\u202ea@v1"'), "wrong-type", 3, 1, "\\u202e"),
    # --- workflows
    Wrong("workflow-missing", workflow("draw.jsn.json"), "workflow-missing", 3, 19, "jobs/draw.jsn.json", "draw.json?"),
    Wrong("workflow-outside", workflow("../../x.json"), "outside-repository", 3, 19, "leads out"),
    Wrong("workflow-absolute", workflow("/etc/passwd"), "bad-path", 3, 19, "is absolute"),
    Wrong("workflow-not-json", workflow("draw.yaml"), "workflow-invalid", 3, 19, "no .json, .png or .webp", "Save or"),
    Wrong(
        "workflow-empty", workflow("empty.json"), "workflow-invalid", 3, 19, "jobs/empty.json holds no nodes", "Save"
    ),
    Wrong(
        "workflow-snake", workflow("snake.json"), "workflow-invalid", 3, 19, "jobs/snake.json: the subgraph 'S' holds"
    ),
    Wrong("workflow-broken", workflow("broken.json"), "workflow-invalid", 3, 19, "a node without `id` or `type`"),
    Wrong("picture-missing", workflow("fox.png"), "workflow-missing", 3, 19, "jobs/fox.png does not exist", "fax.png?"),
    Wrong("picture-without", workflow("fax.png"), "workflow-invalid", 3, 19, "neither a PNG nor a WebP picture"),
    Wrong(
        "set-page-node",
        workflow("page.json", "{KSamplr.seed: 1}"),
        "set-target",
        4,
        11,
        "no node",
        "`KSampler.seed`?",
    ),
    Wrong(
        "set-page-several", workflow("page.json", "{KSampler.seed: 1}"), "set-target", 4, 11, "2 nodes", "`KSampler#1`"
    ),
    Wrong("set-page-muted", workflow("page.json", "{SaveImage.images: 1}"), "set-target", 4, 11, "node 5 is muted"),
    Wrong("set-page-primitive", workflow("page.json", "{4.value: 1}"), "set-target", 4, 11, "node 4 is a primitive"),
    Wrong("output-node", chosen("KSamplr"), "output-node", 4, 18, "no node of the workflow is called", "`KSampler`?"),
    Wrong("output-node-several", chosen("CLIPTextEncode"), "output-node", 4, 18, "2 nodes", "`CLIPTextEncode#1`"),
    Wrong("output-node-variable", chosen("'${nobody}'"), "unknown-variable", 4, 18, "${nobody}"),
    Wrong("output-node-type", chosen("[9]"), "wrong-type", 4, 18, "items.kin.output_node must be"),
    Wrong(
        "output-node-alone", item("output_node: '9'"), "conflicting-keys", 6, 5, "this item has none", "`output_node:`"
    ),
    Wrong("workflow-junk", workflow("junk.json"), "workflow-invalid", 3, 19, "jobs/junk.json:1:7: this is not JSON"),
    Wrong("workflow-no-class", workflow("other.json"), "workflow-invalid", 3, 19, "'a' is a node without `class_type`"),
    Wrong(
        "set-no-node", workflow("draw.json", "{Sampler.seed: 1}"), "set-target", 4, 11, "no node", "`KSampler.seed`?"
    ),
    Wrong(
        "set-no-input", workflow("draw.json", "{KSampler.sede: 1}"), "set-target", 4, 11, "no input 'sede'", "seed`?"
    ),
    Wrong(
        "set-several",
        workflow("draw.json", "{CLIPTextEncode.text: a}"),
        "set-target",
        4,
        11,
        "2 nodes",
        "CLIPTextEncode#2",
    ),
    Wrong("set-variable", workflow("draw.json", "{3.seed: '${sed}'}"), "unknown-variable", 4, 19, "${sed}", "${seed}?"),
    Wrong(
        "set-parameter",
        workflow("draw.json", "{3.seed: '${steps}'}"),
        "unknown-variable",
        4,
        19,
        "${steps}",
        "`steps:`",
    ),
    Wrong(
        "set-twice", workflow("draw.json", "{3.seed: 1, KSampler.seed: 2}"), "conflicting-keys", 4, 22, "the same input"
    ),
    Wrong("set-list", workflow("draw.json", "{3.seed: [1]}"), "wrong-type", 4, 19, "or a file: {file: PATH}"),
    Wrong("set-file-key", workflow("draw.json", "{3.seed: {fil: a.png}}"), "unknown-key", 4, 20, "'fil'", "`file`?"),
    Wrong(
        "set-file-both",
        workflow("draw.json", "{3.seed: {file: a.png, item: b}}"),
        "conflicting-keys",
        4,
        19,
        "one of `file` and `item`",
    ),
    Wrong(
        "set-file-neither",
        workflow("draw.json", "{3.seed: {}}"),
        "conflicting-keys",
        4,
        19,
        "it takes one of",
        "{item: NAME}",
    ),
    Wrong(
        "set-file-outside", workflow("draw.json", "{3.seed: {file: ../../a.png}}"), "outside-repository", 4, 26, "leads"
    ),
    Wrong("set-file-absolute", workflow("draw.json", "{3.seed: {file: /etc/a.png}}"), "bad-path", 4, 26, "is absolute"),
    Wrong(
        "set-file-link", workflow("draw.json", "{3.seed: {file: ../link/a.png}}"), "outside-repository", 4, 26, "link"
    ),
    Wrong(
        "set-file-format", workflow("draw.json", "{3.seed: {file: .env}}"), "unknown-format", 4, 26, "'.env'", ".flac"
    ),
    Wrong(
        "set-file-seed",
        workflow("draw.json", "{3.seed: {file: '${seed}.png'}}"),
        "unknown-variable",
        4,
        26,
        "nothing defines ${seed}",
    ),
    Wrong("set-item-unknown", workflow("draw.json", "{3.seed: {item: kim}}"), "unknown-item", 4, 26, "'kim'", "`kin`?"),
    Wrong("set-item-itself", workflow("draw.json", "{3.seed: {item: kin}}"), "item-cycle", 4, 26, "made from itself"),
    Wrong("set-alone", item("set: {KSampler.seed: 1}"), "conflicting-keys", 6, 5, "this item has none", "`workflow:`"),
    # --- other weights files, pictures to start from, further passes
    Wrong("batch", item("batch: 4"), "unknown-key", 6, 5, "no key 'batch'", "one picture"),
    Wrong("loras-text", item("loras: a.pt"), "wrong-type", 6, 12, "a list of at most 100 LoRAs", "write [a.pt]"),
    Wrong("lora-number", item("loras: [3]"), "wrong-type", 6, 13, "a model, or a mapping", ""),
    Wrong("lora-near", item("loras: [{model: a.pt, strenght: 1}]"), "unknown-key", 6, 27, "'strenght'", "`strength`?"),
    Wrong("lora-strength", item("loras: [{model: a.pt, strength: 101}]"), "out-of-range", 6, 37, "-100 to 100"),
    Wrong("lora-no-model", item("loras: [{strength: 1}]"), "missing-key", 6, 13, "`model` is missing"),
    Wrong("lora-role", item("loras: [b.pt, ink]"), "unknown-role", 6, 19, "'ink'", "declare the role"),
    Wrong("lora-climbs", item("loras: [{model: ../a.pt}]"), "bad-path", 6, 21, "climbs"),
    Wrong("vae-role", item("vae: clear"), "unknown-role", 6, 10, "'clear'"),
    Wrong(
        "vae-no-vae",
        model("file: checkpoints/a.pt").replace("prompt: a,", "prompt: a, vae: base,"),
        "wrong-type",
        4,
        25,
        "checkpoints/, not a VAE",
        "vae/",
    ),
    Wrong("clip-skip-zero", item("clip_skip: 0"), "out-of-range", 6, 16, "from 1 to 24"),
    Wrong("family", item("family: fluks"), "out-of-range", 6, 13, "flux, sd3, qwen-image or z-image"),
    Wrong(
        "family-clip-skip",
        item("{family: flux, clip_skip: 2}"[1:-1].replace(", ", "\n    ")),
        "conflicting-keys",
        7,
        5,
        "no meaning for flux",
    ),
    Wrong("family-size", item("family: flux\n    size: 1000x1000"), "out-of-range", 7, 11, "multiple of 16", "992x992"),
    Wrong("guidance", item("guidance: 3"), "conflicting-keys", 6, 5, "Flux's alone", "`family: flux`"),
    Wrong("shift", item("shift: 3"), "conflicting-keys", 6, 5, "sd3, qwen-image and z-image"),
    Wrong("encoders-alone", item("text_encoders: [a.pt]"), "conflicting-keys", 6, 5, "`diffusion_model`"),
    Wrong(
        "model-and-checkpoint", item("diffusion_model: a.pt"), "conflicting-keys", 6, 5, "exclude each other", "null"
    ),
    Wrong("model-no-family", parts("diffusion_model: a.pt"), "missing-key", 3, 20, "needs `family`", "flux, sd3"),
    Wrong("model-no-encoders", parts("diffusion_model: a.pt, family: sd3"), "missing-key", 3, 20, "`text_encoders`"),
    Wrong(
        "model-no-vae",
        parts("diffusion_model: a.pt, family: sd3, text_encoders: [b.pt]"),
        "missing-key",
        3,
        20,
        "`vae`",
    ),
    Wrong(
        "encoders-count",
        parts("diffusion_model: a.pt, family: flux, vae: v.pt, text_encoders: [b.pt]"),
        "out-of-range",
        3,
        83,
        "flux takes 2, not 1",
    ),
    Wrong("init-outside", item("init_image: ../../a.png"), "outside-repository", 6, 17, "leads out"),
    Wrong("init-absolute", item("init_image: /etc/a.png"), "bad-path", 6, 17, "is absolute"),
    Wrong("init-link", item("init_image: ../link/a.png"), "outside-repository", 6, 17, "through a link"),
    Wrong("init-format", item("init_image: a.gif"), "unknown-format", 6, 17, "'a.gif'"),
    Wrong(
        "init-both", item("init_image: {file: a.png, item: b}"), "conflicting-keys", 6, 17, "one of `file` and `item`"
    ),
    Wrong(
        "init-neither", item("init_image: {}"), "conflicting-keys", 6, 17, "one of `file` and `item`", "{item: NAME}"
    ),
    Wrong("init-key", item("init_image: {itm: b}"), "unknown-key", 6, 18, "'itm'", "`item`?"),
    Wrong("init-number", item("init_image: 3"), "wrong-type", 6, 17, "a path, or a mapping"),
    Wrong("init-unknown", chain("a.png", "{item: aa}"), "unknown-item", 5, 37, "'aa'", "did you mean `a`?"),
    Wrong("init-itself", chain("{item: a}"), "item-cycle", 4, 37, "'a' is made from itself", "begin with"),
    Wrong("init-cycle", chain("{item: b}", "{item: c}", "{item: a}"), "item-cycle", 6, 37, "a → b → c → a"),
    Wrong("denoise-alone", item("denoise: 0.5"), "conflicting-keys", 6, 5, "acts on an `init_image`", "name an"),
    Wrong("denoise-zero", item("init_image: a.png\n    denoise: 0"), "out-of-range", 7, 14, "above 0"),
    Wrong("mask-alone", item("mask: a.png"), "conflicting-keys", 6, 5, "acts on an `init_image`"),
    Wrong(
        "mask-hires",
        item("init_image: a.png\n    mask: b.png\n    hires: {}"),
        "conflicting-keys",
        7,
        5,
        "`hires` exclude each other",
        "in another item",
    ),
    Wrong("refiner-number", item("refiner: 3"), "wrong-type", 6, 14, "a model, or a mapping"),
    Wrong("refiner-no-model", item("refiner: {start: 0.5}"), "missing-key", 6, 5, "`model` is missing"),
    Wrong("refiner-start", item("refiner: {model: a.pt, start: 1}"), "out-of-range", 6, 35, "above 0 and below 1"),
    Wrong("refiner-role", item("refiner: fine"), "unknown-role", 6, 14, "'fine'", "declare the role"),
    Wrong("refiner-family", item("refiner: a.pt\n    family: flux"), "conflicting-keys", 6, 5, "not for flux"),
    Wrong(
        "refiner-hires",
        item("refiner: a.pt\n    hires: {}"),
        "conflicting-keys",
        6,
        5,
        "`hires` exclude",
        "another item",
    ),
    Wrong(
        "refiner-mask",
        item("refiner: a.pt\n    init_image: a.png\n    mask: b.png"),
        "conflicting-keys",
        6,
        5,
        "`mask` exclude each other",
    ),
    Wrong("refiner-step", item("refiner: a.pt\n    steps: 1"), "out-of-range", 7, 12, "needs 2 steps or more"),
    Wrong("transparent-list", item("transparent: [a]"), "wrong-type", 6, 18, "a node's class, or a mapping"),
    Wrong("transparent-no-node", item("transparent: {gives: mask}"), "missing-key", 6, 5, "`node` is missing"),
    Wrong(
        "transparent-gives", item("transparent: {node: A, gives: alpha}"), "out-of-range", 6, 35, "image, mask or back"
    ),
    Wrong("transparent-output", item("transparent: {node: A, output: -1}"), "out-of-range", 6, 36, "from 0 to 100"),
    Wrong("transparent-key", item("transparent: {node: A, give: mask}"), "unknown-key", 6, 28, "'give'", "`gives`?"),
    Wrong(
        "transparent-twice",
        item("transparent: {node: A, inputs: {image: 1}}"),
        "conflicting-keys",
        6,
        18,
        "where the picture comes in",
        "`takes`",
    ),
    Wrong(
        "transparent-mode",
        item("transparent: A\n    verify: {mode: RGB}"),
        "conflicting-keys",
        7,
        20,
        "makes an RGBA picture",
        "remove",
    ),
    Wrong(
        "transparent-jpeg",
        f"{START}output: {{file: '${{name}}.jpg'}}\nitems:\n  kin: {{prompt: x, transparent: A}}\n",
        "conflicting-keys",
        5,
        20,
        "holds no transparency",
        ".webp",
    ),
    Wrong(
        "transparent-workflow",
        workflow("draw.json", "{}, transparent: A"),
        "conflicting-keys",
        4,
        14,
        "has a workflow",
        "`transparent: null`",
    ),
    Wrong("control-no-image", item("controlnet: {model: a.pt}"), "missing-key", 6, 5, "`image` is missing"),
    Wrong(
        "control-order",
        item("controlnet: {model: a.pt, image: a.png, start: 0.5, end: 0.5}"),
        "out-of-range",
        6,
        17,
        "begins after it ends",
    ),
    Wrong(
        "control-format", item("controlnet: {model: a.pt, image: a.txt}"), "unknown-format", 6, 38, "'a.txt'", ".png"
    ),
    Wrong(
        "control-node",
        item("controlnet: {model: a.pt, image: a.png, preprocessor: {inputs: {}}}"),
        "missing-key",
        6,
        45,
        "`node` is missing",
    ),
    Wrong("hires-both", item("hires: {scale: 2, size: 64x64}"), "conflicting-keys", 6, 12, "one of `scale` and `size`"),
    Wrong("hires-scale", item("hires: {scale: 1}"), "out-of-range", 6, 20, "above 1"),
    Wrong("hires-size", item("hires: {size: 1001x1000}"), "out-of-range", 6, 19, "multiple of 8", "1000x1000"),
    Wrong("hires-large", item("size: 4096x512\n    hires: {scale: 8}"), "out-of-range", 7, 20, "32768x4096", "smaller"),
    Wrong("hires-upscaler", item("hires: {upscaler: lancsoz}"), "unknown-role", 6, 23, "'lancsoz'", "nearest-exact"),
    Wrong("upscale-no-model", item("upscale: {scale: 2}"), "missing-key", 6, 5, "`model` is missing"),
    Wrong(
        "upscale-large",
        item("upscale: {model: a.pt, scale: 16}\n    size: 2048x512"),
        "out-of-range",
        6,
        35,
        "32768x8192",
    ),
    Wrong(
        "kinds-workflow",
        workflow("draw.json", "{}, loras: [a.pt]"),
        "conflicting-keys",
        4,
        14,
        "has a workflow",
        "`loras: null`",
    ),
    # --- JSON job files
    Wrong("json-empty", "", "empty-file", 1, 1, "holds no job", name=JSON),
    Wrong("json-comma", '{"comfyjob": 1,\n}', "syntax", 2, 1, "a key", "trailing", name=JSON),
    Wrong("json-comment", '{"comfyjob": 1 // x\n}', "syntax", 1, 16, "`,`", name=JSON),
    Wrong("json-nan", '{"comfyjob": NaN}', "syntax", 1, 14, "'NaN'", "true, false", name=JSON),
    Wrong("json-twice", '{"a": 1,\n\t"a": 2}', "duplicate-key", 2, 2, ":1:2", "remove", name=JSON),
    Wrong("json-deep", "[" * 50_000, "too-deep", 1, 33, "32 levels", name=JSON),
    Wrong("json-more", "{}\n{}", "syntax", 2, 1, "after the end", name=JSON),
    Wrong("json-surrogate", '{"a": "\\ud800"}', "syntax", 1, 7, "U+D800", name=JSON),
    Wrong(
        "json-key",
        '{"comfyjob": 1,\n "itms": {}, "items": {"k": "a"}}',
        "unknown-key",
        2,
        2,
        "'itms'",
        "`items`",
        name=JSON,
    ),
)

WORKFLOWS = {
    "draw.json": (
        '{"3": {"class_type": "KSampler", "inputs": {"seed": 1}}, "6": {"class_type": "CLIPTextEncode", "inputs": '
        '{"text": ""}}, "7": {"class_type": "CLIPTextEncode", "inputs": {"text": ""}}}'
    ),
    "page.json": (
        '{"nodes": [{"id": 1, "type": "KSampler"}, {"id": 2, "type": "KSampler"}, {"id": 4, "type": "PrimitiveNode"}, '
        '{"id": 5, "type": "SaveImage", "mode": 2}], "links": []}'
    ),
    "empty.json": '{"nodes": [{"id": 1, "type": "Note"}], "links": []}',
    "broken.json": '{"nodes": [{"id": 1}]}',
    "snake.json": (
        '{"nodes": [{"id": 1, "type": "s"}], "definitions": {"subgraphs": '
        '[{"id": "s", "name": "S", "nodes": [{"id": 1, "type": "s"}]}]}}'
    ),
    "fax.png": "GIF89a",
    "junk.json": '{"3": <}',
    "other.json": '{"a": {"b": 1}}',
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with workflows in `jobs/`, and a link that leads out of it."""
    root = tmp_path.resolve() / "repository"
    (root / "jobs").mkdir(parents=True)
    (root / "link").symlink_to(tmp_path)
    for name, text in WORKFLOWS.items():
        (root / "jobs" / name).write_text(text, encoding="utf-8")
    return root


def write(root: Path, wrong: Wrong) -> Path:
    """The wrong job file, written."""
    path = root / wrong.name
    path.write_bytes(wrong.text if isinstance(wrong.text, bytes) else wrong.text.encode())
    return path


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.id)
def test_a_wrong_job_file_is_refused_at_its_place(wrong: Wrong, root: Path) -> None:
    with pytest.raises(JobFileError) as caught:
        load_job_file(write(root, wrong), root)

    error = caught.value
    assert (wrong.code, f"{wrong.name}:{wrong.line}:{wrong.column}") == (error.code, str(error.where))
    assert wrong.message in error.message
    assert wrong.hint in (error.hint or "")


@pytest.mark.parametrize("wrong", [row for row in WRONG if row.code == "secret"], ids=lambda wrong: wrong.id)
def test_a_secret_is_never_repeated(wrong: Wrong, root: Path) -> None:
    with pytest.raises(JobFileError) as caught:
        load_job_file(write(root, wrong), root)

    said = f"{caught.value} {caught.value.hint} {caught.value.also}"
    assert "a1B2" not in said
    assert "me:pw" not in said


def test_each_row_has_an_id_of_its_own() -> None:
    ids = [wrong.id for wrong in WRONG]

    assert sorted(set(ids)) == sorted(ids)


@pytest.mark.parametrize("workers", [[], ["-n2"]], ids=["alone", "xdist"])
def test_wrong_job_files_are_all_told_and_the_others_run(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, workers: list[str]
) -> None:
    monkeypatch.setenv("CI", "1")
    (repository.path / "link").symlink_to(repository.path.parent)
    for name, text in WORKFLOWS.items():
        repository.write(f"jobs/{name}", text)
    told = {}
    for number, wrong in enumerate(WRONG):
        name = f"jobs/wrong{number}.comfyjob.{wrong.name.rpartition('.')[2]}"
        write(repository.path, replace(wrong, name=name))
        told[wrong.id] = f"[{wrong.code}] {name}:{wrong.line}:{wrong.column}: "

    result = repository.run("jobs", *workers)

    text = result.stdout.str()
    assert [key for key, line in told.items() if line not in text] == []
    assert repository.images_line(result) == "images: 2 missing"
    assert result.ret == 1
