"""The one table of names and endings: what views, labels and indices are called, and which files are read.

Public multi-view files agree on no name. A name is compared in small letters; a number at its end makes it one of a
family: ``X1``, ``X2``, ... are the views of the family ``X``, and ``msr1`` .. ``msr5`` those of ``msr``.
"""

import re

VIEWS = frozenset(
    (
        *("x", "xs", "xv", "data", "datas", "fea", "feas", "feat", "feats", "feature", "features", "view", "views"),
        *("msr", "arr", "mv", "multiview", "mvdata", "samples"),
    )
)
LABELS = frozenset(
    (
        *("y", "ys", "gt", "gts", "gnd", "truth", "truelabel", "truelabels", "label", "labels", "target", "targets"),
        *("class", "classes", "groundtruth", "gth", "ytrue", "truey", "labeltrue", "classlabel", "classlabels"),
        *("category", "categories", "gtlabel", "gtlabels", "gndlabel", "lab", "labs", "cls", "ylabel", "ylabels"),
        *("classid", "labelid", "categoryid", "targetid"),
    )
)
# A word of a longer name that makes it one of labels: train_labels, trainLabel, y_true, gt_train.
LABEL_WORDS = frozenset(("label", "labels", "gt", "gnd", "truth", "truelabel", "groundtruth", "target", "targets", "y"))
# Above a column of few whole numbers these are more often the classes than a feature: they are asked about.
PERHAPS_LABELS = frozenset(
    (
        *("species", "diagnosis", "outcome", "group", "type", "subtype", "status", "cluster", "response", "result"),
        *("grade", "stage"),
    )
)
INDICES = frozenset(
    (
        *("id", "ids", "index", "idx", "sample", "sampleid", "samplename", "name", "rowname", "rownames", "unnamed"),
        *("subject", "patient", "case", "participant", "specimen", "donor", "barcode", "accession", "filename"),
        *("subjectid", "patientid", "caseid", "imageid", "cellid", "docid", "userid"),
    )
)
IDENTIFIERS = frozenset(("id", "ids", "uuid", "guid", "barcode", "identifier"))  # as the last word of patient_id
NONE = "none"  # as the value of an option: there is none

TEXTS = ".csv", ".tsv", ".txt", ".dat", ".data"  # a table of numbers, one line a sample
FRAMES = ".parquet", ".pq", ".feather", ".arrow"  # a table with types, which pyarrow reads


def family(name: str) -> str:
    """The name without a number at its end, its case kept: those that have the same belong together."""
    return re.sub(r"[ _\-.]*\d+$", "", name)


def number(name: str) -> int:
    """The number at the end of a name; -1 where there is none."""
    found = re.search(r"\d+$", name)
    return int(found.group()) if found else -1


def plain(name: str) -> str:
    """The name in small letters, without its number, blanks, dashes and dots."""
    return re.sub(r"[ _\-.:]", "", family(name)).lower()


def is_view(name: str) -> bool:
    """Whether this is a usual name of views."""
    return plain(name) in VIEWS


def is_label(name: str) -> bool:
    """Whether this is a usual name of labels."""
    return plain(name) in LABELS


def may_be_label(name: str) -> bool:
    """Whether a column of this name holds classes as often as a feature."""
    return is_label(name) or plain(name) in PERHAPS_LABELS


def _words(name: str) -> list[str]:
    """The words of a name, in small letters: train and label of ``trainLabel`` and of ``train_label``."""
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]


def sounds_like_labels(name: str) -> bool:
    """Whether a word of the name is one for labels, as in ``trainLabel`` and ``y_true``."""
    return is_label(name) or any(word in LABEL_WORDS for word in _words(name))


def is_index(name: str) -> bool:
    """Whether a first column of this name numbers or names the samples; sample1, sample2 are samples themselves."""
    if number(name) >= 0:
        return plain(name) == "unnamed"
    return name == "" or plain(name) in INDICES or is_identifier(name)


def names_samples(name: str) -> bool:
    """Whether an index of this name is one of samples, and not perhaps one of features, which lie along rows too."""
    return name != "" and plain(name) not in ("unnamed", "index", "name", "rowname", "rownames") and is_index(name)


def is_identifier(name: str) -> bool:
    """Whether a column of this name tells samples apart wherever it stands, as ``id`` and ``patient_id`` do.

    That of a class, as ``class_id``, does not.
    """
    words = _words(name)
    if not words or words[-1] not in IDENTIFIERS or number(name) >= 0:
        return False
    return not any(word in LABELS or word in PERHAPS_LABELS for word in words)
