"""What runs inside the emulator's own process, with the emulator's packages: nothing of the rest of devstack."""
