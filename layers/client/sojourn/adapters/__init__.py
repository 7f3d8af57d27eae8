"""Sojourn at home in Lambda and in web frameworks: a file each, none of which needs another's framework."""
