"""Workflows as ComfyUI's page saves them, and the graphs that the page would send for them."""

from pytest_comfygen.language.workflow.page.convert import convert

__all__ = ["convert"]
