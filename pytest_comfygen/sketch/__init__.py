"""The embedded stand-in: a server that speaks ComfyUI's API and paints placeholders, `python -m pytest_comfygen.sketch`."""
