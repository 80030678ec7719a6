"""Hunt mutants and print a line for each, then what was found for each file."""

import sys
from collections import Counter

from mutants import MUTANTS
from mutants.hunt import caught_by


def main(beginning=""):
    """Hunt the mutants of the files whose name begins so; 1 if one is not as its list says."""
    caught, argued, wrong = Counter(), Counter(), 0
    hunted = [mutant for mutant in MUTANTS if mutant.file.startswith(beginning)]
    for mutant in hunted:
        judge = caught_by(mutant)
        caught[mutant.file] += bool(judge)
        argued[mutant.file] += bool(mutant.equivalent)
        wrong += bool(judge) == bool(mutant.equivalent)
        print(f"{judge or ('equivalent' if mutant.equivalent else 'SURVIVED'):<12} {mutant.name}", flush=True)
    print()
    for file, number in Counter(mutant.file for mutant in hunted).items():
        print(f"{number:4} mutants, {caught[file]:4} caught, {argued[file]:2} argued to be equivalent: {file}")
    print(f"{len(hunted):4} mutants, {caught.total():4} caught, {wrong} not as the lists say")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
