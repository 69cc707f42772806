"""The official Python SDK, as a program would use it."""

import json
import os
import resource
import sys
import threading
import time

BEGUN = time.perf_counter()

from openai_codex import Codex, CodexConfig  # noqa: E402


def cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def rss_kib() -> int:
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0


def all_turns(thread, turns: int, deltas: list[int]) -> None:
    for _ in range(turns):
        for event in thread.turn("go").stream():
            if event.method == "item/agentMessage/delta":
                deltas.append(1)


def main() -> None:
    threads, turns = int(sys.argv[1]), int(sys.argv[2])
    with Codex(CodexConfig(codex_bin=os.environ["CODEX_BIN"])) as codex:
        start_us = (time.perf_counter() - BEGUN) * 1e6
        started = [codex.thread_start() for _ in range(threads)]
        cpu_before, begun = cpu(), time.perf_counter()
        deltas: list[int] = []
        running = [threading.Thread(target=all_turns, args=(thread, turns, deltas)) for thread in started]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        report = {
            "deltas": len(deltas),
            "cpu_us": (cpu() - cpu_before) * 1e6,
            "wall_us": (time.perf_counter() - begun) * 1e6,
            "start_us": start_us,
            "rss_kib": rss_kib(),
        }
    print(json.dumps(report))


main()
