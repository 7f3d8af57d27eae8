"""Proof that a deployed stack does what the documentation says. Speaks to AWS as any client does; knows no emulator.

    make verify STACK=sojourn REGION=eu-west-1

Uses the credentials of its environment. What they may not do is not tried, and said so.
"""
