"""The commands of `lakehouse`, one module each: a click command named `command`."""
