"""What applications use: clients that put jobs into a queue and look after them."""

from wmcore.client.gearman import GearmanAsyncClient, GearmanSyncClient
from wmcore.client.jobs import HeldJob, JobHandle, StoredJob
from wmcore.client.theschwartz import TheSchwartzClient

__all__ = ["GearmanAsyncClient", "GearmanSyncClient", "HeldJob", "JobHandle", "StoredJob", "TheSchwartzClient"]
