"""The process that imports the worker classes once and forks children on the manager's word.

One thread, no event loop, no connection: what forks must hold nothing that a fork breaks.
"""
