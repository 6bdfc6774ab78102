"""The version of the project. This is the one place that says it; everything else asks here."""

from __future__ import annotations

VERSION = "0.1.0"
