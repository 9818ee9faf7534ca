"""What stands between header and hints: one of six views, each on the daemon that is looked at."""
