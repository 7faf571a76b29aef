"""Ask a real cloud all questions and write down the shapes: `python -m tests.contract.record`."""

import json
import sys
from pathlib import Path

from tests.contract.asking import LAB, Address, Asker
from tests.contract.questions import bad_stacks, identity, marks, networks, stack_life, updates
from tests.contract.shapes import Shape

EXPECTED = Path(__file__).parent / "expected.json"


def ask_all(address: Address) -> dict[str, Shape]:
    """The shapes of all answers, by question."""
    asker = Asker(address)
    try:
        for questions in (networks, identity, bad_stacks, stack_life, marks, updates):
            questions.put(asker)
    finally:
        asker.close()
    return asker.answers


def main() -> int:
    """Write what the lab, or the cloud at the given address, answers."""
    address = Address("given", sys.argv[1]) if len(sys.argv) > 1 else LAB
    answers = ask_all(address)
    lines = [f"{json.dumps(name)}: {json.dumps(answers[name], sort_keys=True)}" for name in sorted(answers)]
    EXPECTED.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    sys.stdout.write(f"{len(answers)} answers of {address.auth_url} written to {EXPECTED.name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
