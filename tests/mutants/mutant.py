"""What a mutant is: one wrong change to one file of the package."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """The text `old` becomes `new` at its `place`-th of `of` occurrences in `file`.

    A text that does not occur exactly as often as stated is an error: the lists follow the source by hand. A mutant
    that no test can tell from the package has the reason in `equivalent`, and it is an error if one does.
    """

    file: str
    old: str
    new: str
    place: int = 1
    of: int = 1
    equivalent: str = ""

    @property
    def name(self):
        return f"{self.file}: {self.old} -> {self.new}" + (f" #{self.place}" if self.of > 1 else "")

    def applied(self, text):
        parts = text.split(self.old)
        assert len(parts) == self.of + 1, f"{self.name}: occurs {len(parts) - 1} times, not {self.of}"
        return self.old.join(parts[: self.place]) + self.new + self.old.join(parts[self.place :])


def of(file, *changes):
    """Mutants of one file, each given as (old, new) or (old, new, place, of)."""
    return [Mutant(file, *change) for change in changes]
