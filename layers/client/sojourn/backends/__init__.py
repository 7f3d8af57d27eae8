"""Places to keep sessions, one file each; the only modules that know a service."""
