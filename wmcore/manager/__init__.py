"""The manager: desired state, actual state, and the one loop that owns both. Imports no worker class, never forks."""
