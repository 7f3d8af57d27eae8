"""What the library and the functions cost in instructions, counted by valgrind: see docs/performance.md."""
