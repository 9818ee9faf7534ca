"""conf.yml as frozen records; `load` reads one."""

from wmcore.config.records import ClassConfig, Config, DatabaseConfig, PoolConfig

__all__ = ["ClassConfig", "Config", "DatabaseConfig", "PoolConfig"]
