"""The table of what can be set."""

from __future__ import annotations

from pytest_comfygen.settings.option import Option

__all__ = ["COMFYUI_REPO", "OPTIONS"]

COMFYUI_REPO = "https://github.com/Comfy-Org/ComfyUI"

_IMAGES = (
    Option(
        name="update",
        kind="choice",
        choices=("stale", "missing", "all", "none"),
        default="stale",
        in_ci="none",
        asks=True,
        help="which images to make: stale (missing, changed or failing), missing, all, none. "
        "Default: stale, and none when CI is set",
    ),
    Option(
        name="check",
        kind="flag",
        default=False,
        asks=True,
        help="verify only, the same as --comfy-update none: no server, no GPU, no network",
    ),
    Option(
        name="plan",
        kind="flag",
        default=False,
        asks=True,
        is_command=True,
        help="say which images would be made and why, and what that takes; make and start nothing",
    ),
    Option(
        name="sketch",
        kind="flag",
        default=False,
        asks=True,
        help="draw a placeholder for every selected item with the embedded stand-in, into .comfygen/sketch/",
    ),
    Option(
        name="overwrite_edited",
        kind="flag",
        default=False,
        help="overwrite images that were edited by hand or have no record",
    ),
    Option(
        name="adopt",
        kind="flag",
        default=False,
        asks=True,
        help="record the images that stand there as what their jobs made, without making them",
    ),
    Option(
        name="pick",
        kind="lines",
        metavar="NAME=N",
        default=(),
        pattern=r".+=[1-9]\d?",
        wanted="the name of an item and the number of its candidate, such as kin_dwarf=3",
        asks=True,
        is_command=True,
        help="take this candidate as the image of an item, without a server (repeatable)",
    ),
    Option(
        name="gallery",
        kind="file",
        metavar="FILE",
        default=None,
        alone=".comfygen/gallery.html",
        asks=True,
        help="write a page with the pictures of the run, old and new, relative to the repository; a .png is a contact "
        "sheet. Without a file: .comfygen/gallery.html",
    ),
    Option(
        name="preview",
        kind="flag",
        default=False,
        help="show new pictures small in the terminal, if it is one that can: kitty, Ghostty, WezTerm, iTerm2, VS Code",
    ),
    Option(
        name="scorer",
        kind="commands",
        metavar="NAME=COMMAND",
        default=(),
        pattern=r"[A-Za-z][A-Za-z0-9_-]{0,49}\s*=\s*\S.*",
        adds_up=True,
        wanted="a name, =, and a command, such as aesthetic=python tools/score.py",
        help="a program that gives images a score, under the name that job files ask for it by (repeatable)",
    ),
    Option(
        name="reroll",
        kind="flag",
        default=False,
        asks=True,
        is_command=True,
        help="draw new seeds for the selected images and make them with these",
    ),
    Option(
        name="resume",
        kind="flag",
        default=False,
        asks=True,
        is_command=True,
        help="go on with an interrupted --comfy-update all",
    ),
    Option(
        name="prune",
        kind="flag",
        choices=("delete",),
        default=False,
        asks=True,
        is_command=True,
        help="move images that no job names any more, and their records, to .comfygen/trash/, and make nothing; "
        "--comfy-prune=delete deletes them",
    ),
    Option(
        name="cache",
        kind="text",
        metavar="SIZE",
        default="2 GB",
        pattern=r"0|\d+(\.\d+)?\s*[kMGT]B",
        wanted="a size such as 500 MB or 2 GB, or 0",
        help="how much of the images made on this machine is kept, so that a change that is taken back needs no GPU; "
        "0 keeps none. Default: 2 GB",
    ),
    Option(
        name="timeout",
        kind="seconds",
        metavar="S",
        default=600.0,
        help="silence allowed while a job waits or runs, in seconds",
    ),
)

_QUICK = (
    Option(
        name="prompt",
        kind="lines",
        metavar="TEXT",
        default=(),
        asks=True,
        is_command=True,
        help="make a quick picture of this prompt, without a job file (repeatable)",
    ),
    Option(
        name="count",
        kind="count",
        metavar="N",
        default=1,
        help="how many pictures of each --comfy-prompt",
    ),
    Option(
        name="set",
        kind="lines",
        metavar="KEY=VALUE",
        default=(),
        pattern=r"[A-Za-z_]\w*(\.[^=]+)?\s*=.*",
        adds_up=True,
        wanted="a key of the job language and its value, such as size=512x512 or vars.style=ink",
        help="a key of the job language for the pictures of --comfy-prompt (repeatable)",
    ),
    Option(
        name="output",
        kind="text",
        metavar="DIR",
        default="comfygen-out",
        help="where the pictures of --comfy-prompt go, relative to the repository",
    ),
    Option(
        name="save_job",
        kind="text",
        metavar="FILE",
        default=None,
        is_command=True,
        help="write a job file that makes the pictures of --comfy-prompt again",
    ),
)

_SERVER = (
    Option(
        name="url",
        kind="urls",
        metavar="URL",
        default=(),
        help="use this running ComfyUI and start none (repeatable)",
    ),
    Option(
        name="start_timeout",
        kind="seconds",
        metavar="S",
        default=120.0,
        help="time allowed for a server to start, in seconds",
    ),
    Option(
        name="keep_server",
        kind="seconds",
        metavar="S",
        default=0.0,
        at_least=0.0,
        help="keep a server that we started for so many seconds after the last run that uses it",
    ),
    Option(
        name="gpus",
        kind="text",
        metavar="all|N|LIST",
        default="1",
        pattern=r"all|[1-9]\d?|\d+(,\d+)+|\d+,",
        wanted="all, a number of GPUs, or a list of their numbers such as 0,2 (or `2,` for one)",
        help="start one server for each GPU: all, how many, or their numbers such as 0,2. Default: one server",
    ),
    Option(
        name="stop",
        kind="flag",
        default=False,
        is_command=True,
        help="stop the servers that we keep, and do nothing else",
    ),
)

_INSTALL = (
    Option(
        name="dir",
        kind="text",
        metavar="DIR",
        default="tools/ComfyUI",
        help="where ComfyUI lives, relative to the repository",
    ),
    Option(
        name="repo",
        kind="text",
        metavar="URL",
        default=COMFYUI_REPO,
        help="what to clone: any git address, or a local path",
    ),
    Option(
        name="revision",
        kind="text",
        metavar="REV",
        default=None,
        help="the commit, tag or branch of ComfyUI to use. Default: the newest release",
    ),
    Option(
        name="install",
        kind="choice",
        choices=("auto", "update", "never"),
        default="auto",
        in_ci="never",
        help="when ComfyUI is installed: auto (when it is absent or the pin changed), update (move to the newest now), "
        "never. Default: auto, and never when CI is set",
    ),
    Option(
        name="torch",
        kind="text",
        metavar="FLAVOUR",
        default="auto",
        pattern=r"auto|cpu|mps|xpu|cu\d{2,3}|rocm\d+(\.\d+)*",
        wanted="auto, cpu, cu130 (and the like), rocm7.2 (and the like), xpu or mps",
        help="the build of torch: auto (by this machine's hardware), cpu, cu130, rocm7.2, xpu, mps",
    ),
    Option(
        name="torch_index",
        kind="text",
        metavar="URL",
        default=None,
        help="the package index that torch comes from; `default` is the installer's own",
    ),
    Option(
        name="constraints",
        kind="text",
        metavar="FILE",
        default=None,
        help="a constraints file for ComfyUI's requirements, relative to the repository",
    ),
    Option(
        name="extra_requirements",
        kind="lines",
        metavar="SPEC",
        default=(),
        help="a requirement to install besides ComfyUI's own, such as 'transformers<5' (repeatable)",
    ),
    Option(
        name="as_of",
        kind="text",
        metavar="DATE",
        default=None,
        pattern=r"\d{4}-\d\d-\d\d",
        wanted="a date such as 2025-10-11",
        help="install no package that was published later than this date",
    ),
    Option(
        name="custom_node",
        kind="lines",
        metavar="URL@REV",
        default=(),
        pattern=r".+@[^@/]+",
        wanted="an address and a pinned revision, such as https://github.com/someone/nodes@v1.2",
        help="a custom node: its git address, @, and the commit, tag or branch to pin (repeatable)",
    ),
)

_MODELS = (
    Option(
        name="models_dir",
        kind="lines",
        metavar="DIR",
        default=(),
        help="a directory of models besides ComfyUI's own, with its folders checkpoints/, loras/ …; "
        "downloads go to the first (repeatable)",
    ),
    Option(
        name="download",
        kind="flag",
        choices=("unverified",),
        default=False,
        help="download the models that the selected images need; =unverified also those without a declared sha256",
    ),
    Option(
        name="allow_pickles",
        kind="flag",
        default=False,
        help="use .ckpt, .pt and other models that can run programs when they are loaded",
    ),
)

_REPORTS = (
    Option(
        name="doctor",
        kind="flag",
        default=False,
        is_command=True,
        help="check this machine, start and change nothing; exit code 0 when it is ready, else 1",
    ),
    Option(
        name="json",
        kind="file",
        metavar="FILE",
        default=None,
        is_command=True,
        help="with --comfy-doctor or --comfy-plan: write the findings as JSON; in a run, --comfy-json=FILE: write what "
        "happens as JSON lines",
    ),
    Option(
        name="summary",
        kind="file",
        metavar="FILE",
        default=None,
        is_command=True,
        help="append a summary of the images in Markdown to FILE, or to the one that GITHUB_STEP_SUMMARY names",
    ),
)

_EDITORS = (
    Option(
        name="schema",
        kind="file",
        metavar="FILE",
        default=None,
        is_command=True,
        help="write the JSON Schema of job files, with the names of the server found, to FILE or to standard output, "
        "and do nothing else",
    ),
)

OPTIONS = (*_IMAGES, *_QUICK, *_SERVER, *_INSTALL, *_MODELS, *_REPORTS, *_EDITORS)
