"""Bordor: audits what fine-tuned language models make up."""

__version__ = "0.1.0"
