"""The allocator is asked to keep freed memory, unless the user said otherwise."""

import os
import subprocess
import sys

import pytest

from chainrule.core.memory import keep_freed_memory


@pytest.mark.parametrize("name", ["CHAINRULE_MALLOC", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES"])
def test_the_users_own_settings_win(name, monkeypatch):
    monkeypatch.setenv(name, "system")
    assert keep_freed_memory() is False


@pytest.mark.skipif(sys.platform != "linux", reason="Linux's page fault counter")
def test_large_arrays_are_reused_without_page_faults():
    program = """
import resource
import chainrule as cr
x = cr.ones(1_000_000)
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        (x * 2).sum()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults())
"""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_", "CHAINRULE_"))}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=clean, check=True)
    assert int(done.stdout) < 1000  # 20 arrays of 4 MB are 20,000 pages of 4 KB
