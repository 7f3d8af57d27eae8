"""The command that looks at a set-up as a whole and says of each part whether it is as it has to be."""
