"""The embedded stand-in: a server that speaks ComfyUI's API and paints placeholders.

Run by `python -m pytest_comfygen.sketch`. It follows ComfyUI 0.3.64: where the two differ and
`docs/explanation/sketch.md` does not say why, the stand-in is wrong.
"""
