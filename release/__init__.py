"""What a release is checked by: its version and changelog, what is inside of it, and under which licences."""
