"""Worker classes to try wmcore with."""
