"""Human review: answers drawn for people to label, and their labels taken back."""

from harness.review.exchange import Taken, Written, take_labels, write_sample
from harness.review.files import KINDS

__all__ = ["KINDS", "Taken", "Written", "take_labels", "write_sample"]
