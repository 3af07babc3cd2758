"""Says in how many questions two evaluation runs chose the same letter: letters.py RUN RUN; exit code 1 below 95 %."""
import json
import sys
from pathlib import Path

SHARE, ENOUGH = 0.95, 100


def answers(run):
    rows = (json.loads(line) for line in Path(run, "samples.jsonl").read_text(encoding="utf-8").splitlines())
    return {row["id"]: row for row in rows}


if __name__ == "__main__":
    one, two = (answers(run) for run in sys.argv[1:3])
    if one.keys() != two.keys() or any(one[i]["prompt_hash"] != two[i]["prompt_hash"] for i in one):
        sys.exit("the runs did not ask the same prompts")
    same = sum(one[i]["letter"] == two[i]["letter"] for i in one)
    apart = max(abs(p - two[i]["scores"][letter]) for i in one for letter, p in one[i]["scores"].items())
    print(f"the same letter in {same} of {len(one)} questions ({same / len(one):.1%}); a probability differs by {apart:.3f} at most")
    if len(one) < ENOUGH:
        print(f"fewer than {ENOUGH} questions: name a larger file with QUESTIONS")
    sys.exit(same < SHARE * len(one))
