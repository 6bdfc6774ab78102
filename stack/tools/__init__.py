"""Programs of analysts on the stack: each takes the place of the process that starts it."""
