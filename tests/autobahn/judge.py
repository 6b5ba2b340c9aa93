"""Judges a report of Autobahn's fuzzing client: counts by verdict, and fails unless every case is as it should be."""

import collections
import json
import sys

# Frames are handled whole, so text that is not UTF-8 is refused when its frame is there, not amid it. RFC 6455, section
# 8.1, asks for the failure, not for its moment.
NON_STRICT = {"6.4.3", "6.4.4"}
GOOD = {"OK", "INFORMATIONAL"}


def good(case, verdict):
    return verdict in GOOD or (verdict == "NON-STRICT" and case in NON_STRICT)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        report = json.load(file)
    bad = 0
    for agent in ("direct", "gateway"):
        cases = report.get(agent, {})
        if not cases:
            print(f"autobahn: {agent}: no case was run")
            bad += 1
        counts = collections.Counter()
        for case, result in cases.items():
            counts[result["behavior"]] += 1
            for verdict in (result["behavior"], result["behaviorClose"]):
                if not good(case, verdict):
                    bad += 1
                    print(f"autobahn: {agent}: {case}: {result['behavior']}, close {result['behaviorClose']}")
                    break
        told = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))
        print(f"autobahn: {agent}: {len(cases)} cases: {told}")
    sys.exit(1 if bad else 0)


main()
