"""Judges a report of Autobahn's fuzzing client: counts by verdict, and fails unless every case is as it should be."""

import collections
import json
import sys

GOOD = {"OK", "INFORMATIONAL"}
# A message and a fault in one packet: the limits end the connection at once, and do not wait for the server's answer to
# the message. RFC 6455, section 7.1.7, asks for no more.
EARLIER = {("limited", "5.15"): "NON-STRICT"}


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        report = json.load(file)
    bad = 0
    for agent in ("direct", "gateway", "limited"):
        cases = report.get(agent, {})
        if not cases:
            print(f"autobahn: {agent}: no case was run")
            bad += 1
        counts = collections.Counter()
        for case, result in cases.items():
            counts[result["behavior"]] += 1
            if {result["behavior"], result["behaviorClose"]} - GOOD - {EARLIER.get((agent, case))}:
                bad += 1
                print(f"autobahn: {agent}: {case}: {result['behavior']}, close {result['behaviorClose']}")
        told = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))
        print(f"autobahn: {agent}: {len(cases)} cases: {told}")
    sys.exit(1 if bad else 0)


main()
