"""What ``cluster`` and ``classify`` share: their data, their tables, their files."""

import argparse
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dsrl_ref.cli import tables
from dsrl_ref.cli.output import add_json, add_report, note, require_places, require_report, show
from dsrl_ref.multiview.affinity import as_affinity
from dsrl_ref.multiview.datasets import load_graph, read_dataset
from dsrl_ref.multiview.experiments import Data, Outcome
from dsrl_ref.multiview.graph import STANDARDIZE
from dsrl_ref.multiview.labels import as_labels
from dsrl_ref.multiview.naming import Expected, Naming
from dsrl_ref.multiview.neighbors import NEIGHBORS
from dsrl_ref.multiview.reading import options_of
from dsrl_ref.persistence import replace_file
from dsrl_ref.pictures import PICTURES, draw_estimator
from dsrl_ref.plotting import as_bytes, kind_of, require_kind

READS = "X", "Y"  # views and labels, under these and other names
LEARNED = "theta", "L", "scale", "graph_shape", "graph_data", "graph_indices", "graph_indptr"
LARGEST_SEED = 2**32 - 1  # of the permutations that decide which samples are labelled


def prepare(arguments: argparse.Namespace) -> None:
    """Before any work: files that cannot be written, and pictures that cannot be drawn, are an error."""
    data = None if arguments.data == "digits" else Path(arguments.data)
    tables.require_suffix(arguments.output)
    require_report(arguments.report)
    places = arguments.output, arguments.model, arguments.plot, arguments.report
    require_places(places, [data, arguments.graph])
    if arguments.plot:
        require_kind(kind_of(arguments.plot))
    elif arguments.picture:
        raise ValueError(f"--picture {arguments.picture} says what is drawn: give --plot FILE too")
    if arguments.picture == "weights" and arguments.graph:
        raise ValueError("--picture weights is of views, and --graph is given in their place")


def names(text: str) -> list[str]:
    """Parse names between commas, for argparse."""
    found = [name.strip() for name in text.split(",")]
    if not all(found):
        raise argparse.ArgumentTypeError(f"must be names between commas: {text!r}")
    return found


def positive(text: str) -> int:
    """Parse an integer from 1 on, for argparse."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1: {text}")
    return number


def view_weights(text: str) -> Any:
    """Parse what each view counts, for argparse."""
    if text in ("auto", "equal"):
        return "auto" if text == "auto" else None
    try:
        return [float(weight) for weight in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be auto, equal or numbers between commas: {text!r}") from None


def seed(text: str) -> int:
    """Parse a seed that NumPy's RandomState takes, for argparse."""
    number = int(text)
    if not 0 <= number <= LARGEST_SEED:
        raise argparse.ArgumentTypeError(f"must be from 0 to {LARGEST_SEED}: {text}")
    return number


def add_source(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say what the data is."""
    parser.add_argument("data", metavar="DATA", help="'digits', .mat, .npz, .h5, a table, or a folder of tables")
    parser.add_argument("--views", type=names, metavar="NAME,NAME", help="keys or files that are the views")
    parser.add_argument("--labels", metavar="NAME", help="key, file or column of the labels, or 'none'")
    parser.add_argument("--transpose", choices=["yes", "no"], help="whether samples are the columns of the views")
    parser.add_argument(
        "--index", metavar="COLUMN", help="of tables: names the samples, to align by; 'none': no column"
    )
    parser.add_argument("--graph", type=Path, metavar="FILE", help="a precomputed graph instead of the views")
    parser.add_argument("--key", default="W", metavar="NAME", help="of the graph in its file (W)")


def add_arguments(parser: argparse.ArgumentParser, pictures: Sequence[str] = tuple(PICTURES)) -> None:
    """Add the arguments that both commands take; `pictures` are those that the command can draw."""
    add_source(parser)
    parser.add_argument("--neighbors", type=positive, default=10, metavar="K", help="neighbours of each sample (10)")
    parser.add_argument(
        "--neighbor-search",
        choices=NEIGHBORS,
        default="auto",
        help="which are found (auto: approximate ones from 200,000 samples on, where faiss is installed)",
    )
    parser.add_argument("--repeats", type=positive, default=10, help="(10)")
    parser.add_argument("--seed", type=seed, default=2021, help="decides every draw (2021)")
    parser.add_argument(
        "--view-weights",
        type=view_weights,
        default="auto",
        metavar="W,W",
        help="what each view counts: numbers between commas; 'equal'; 'auto', by what the views agree in (auto)",
    )
    parser.add_argument(
        "--standardize",
        choices=STANDARDIZE,
        default="auto",
        help="what is done to the features first (auto: tf-idf of counts of words, else along what suits the view)",
    )
    parser.add_argument("--preset", choices=["authors"], help="as the authors' program does it")
    parser.add_argument("--epochs", type=positive, help="of training, at most; with the preset exactly")
    parser.add_argument("--learning-rate", type=float, help="of training")
    parser.add_argument("--compare", action="store_true", help="show the controls beside it")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="write it here, as .csv, or .npz with the graph",
    )
    parser.add_argument("--model", type=Path, metavar="FILE", help="keep what was fitted here, for predict")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw it here: .png, .pdf, .svg; needs matplotlib")
    parser.add_argument(
        "--picture", choices=pictures, help="what is drawn: all on a page (overview), or one that goes into a paper"
    )
    add_report(parser)
    add_jobs(parser)
    add_json(parser)


def add_jobs(parser: argparse.ArgumentParser) -> None:
    """Add ``--jobs``, for `limited`."""
    parser.add_argument("--jobs", type=positive, metavar="N", help="threads; by default all processors")


@dataclass(frozen=True)
class Source:
    """What the files have: views, or a graph in their place, and for each sample its class's place in `classes`.

    Samples without a label have the code -1; `classes` is None where no sample has one. `samples` is what the samples
    are called, None where nothing says so; `naming` is what the views and their columns are.
    """

    views: list[Any]
    graph: Any
    classes: np.ndarray | None
    codes: np.ndarray
    samples: list[Any] | None
    naming: Naming


def load(arguments: argparse.Namespace, expected: Expected | None = None) -> Source:
    """Read what `add_source` names, views as a model expects them, if one does."""
    options = options_of(
        arguments.views if arguments.graph is None else "none",
        arguments.labels,
        None if arguments.transpose is None else arguments.transpose == "yes",
        arguments.index,
    )
    reading = read_dataset(arguments.data, replace(options, expected=expected), verbose=True)
    views, labels = reading.views, reading.labels
    graph = None if arguments.graph is None else load_graph(arguments.graph, arguments.key)
    if graph is None and not views:
        raise ValueError(f"{arguments.data} has labels only: views X are missing, or --graph")
    if graph is not None:
        note(f"{arguments.graph}: graph {graph.shape[0]}×{graph.shape[1]}")
    n = views[0].shape[0] if graph is None else graph.shape[0]
    if labels is not None and len(labels) != n:
        raise ValueError(f"{arguments.data} has {len(labels)} labels, but {arguments.graph} has {n} samples")
    classes, codes = classes_of(labels, arguments.data) if labels is not None else (None, _unknown(n))
    return Source(views, graph, classes, codes, reading.names, reading.naming)


def read(arguments: argparse.Namespace) -> tuple[Data, Source]:
    """Read the data, as experiments take it, and what is known of it."""
    source = load(arguments)
    if source.graph is None:
        return Data(source.views, None, source.codes, arguments.neighbors, source.naming), source
    graph = as_affinity(source.graph, str(arguments.graph))
    return Data([], graph, source.codes, arguments.neighbors), source


def classes_of(labels: np.ndarray, source: str) -> tuple[np.ndarray | None, np.ndarray]:
    """Classes and codes of labels, of which -1 and what is missing are none; no classes where that is all of them."""
    values = labels.astype(object) if labels.dtype.kind == "f" else labels
    if labels.dtype.kind == "f":
        values[np.isnan(labels)] = None  # a gap among numbers, as MATLAB and NumPy write it
    if all(label is None or label == -1 for label in values.tolist()):
        return None, _unknown(len(labels))
    try:
        read = as_labels(values, len(values))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{source}, labels Y: {error}") from error
    return read.classes, read.codes


def _unknown(n: int) -> np.ndarray:
    return np.full(n, -1, dtype=np.intp)


def training(arguments: argparse.Namespace) -> dict[str, Any]:
    """Parameters of the estimator that the command line gave."""
    names = "preset", "epochs", "learning_rate", "view_weights", "standardize"
    return {**{name: getattr(arguments, name) for name in names}, "neighbors": arguments.neighbor_search}


def record(outcome: Outcome) -> dict[str, Any]:
    """One method, for JSON."""
    scores = {
        name: {"mean": float(np.mean(values)), "std": float(np.std(values)), "values": values}
        for name, values in outcome.scores.items()
    }
    propagation = {} if outcome.propagation is None else {"propagation": outcome.propagation}
    return {"method": outcome.method, **propagation, **scores}


def scored(arguments: argparse.Namespace, outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Compute the outcomes; unless JSON is asked for, a table has a line for each as soon as it is there."""
    return list(outcomes if arguments.json else print_table(outcomes))


def print_table(outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
    """Print means and standard deviations, a line a method, and yield the method after its line."""
    for place, outcome in enumerate(outcomes):
        if place == 0:
            show(head_of_table(outcome))
        show(row_of_table(outcome))
        yield outcome


def head_of_table(first: Outcome) -> str:
    """The line above a table that begins with this method; all in it have a propagation, or none has."""
    form = f"{'propagation':<13}" if first.propagation else ""
    return f"{'method':<24}{form}" + "".join(f"{name:>17}" for name in first.scores)


def row_of_table(outcome: Outcome) -> str:
    """The line of a method: means, and deviations where there is more than one score to deviate."""
    form = f"{outcome.propagation:<13}" if outcome.propagation else ""
    scores = outcome.scores.values()
    cells = (f"{np.mean(each):.4f} ±{np.std(each):.4f}" if len(each) > 1 else f"{np.mean(each):.4f}" for each in scores)
    return f"{outcome.method:<24}{form}" + "".join(f"{cell:>17}" for cell in cells)


def describe(model: Any) -> str:
    """What the network learned, in a line."""
    theta = ", ".join(f"{name} = {value:.4f}" for name, value in model.theta_._asdict().items())
    return f"learned {theta}, L = {model.L_:.4f} in {model.n_iter_} epochs; {model.graph_.nnz} nonzeros left"


def draw(arguments: argparse.Namespace, data: Data, model: Any, **shown: Any) -> None:
    """Draw what was found, if that is asked for; `shown` is more for `draw_estimator`."""
    if arguments.plot:
        figure = draw_estimator(model, arguments.picture or "overview", view_names=view_names(data), **shown)
        replace_file(arguments.plot, as_bytes(figure, kind_of(arguments.plot)))


def view_names(data: Data) -> list[str] | None:
    """What the views are called in pictures; None where a graph was given in their place."""
    if not data.views:
        return None
    called = None if data.naming is None else data.naming.views
    names = [f"view {v}" for v in range(len(data.views))] if called is None else called
    return [f"{name} ({view.shape[1]} features)" for name, view in zip(names, data.views, strict=True)]


def refuse_confusion(arguments: argparse.Namespace) -> None:
    """Raise ValueError, before any work, where a confusion matrix is asked for that would have nothing to count."""
    if arguments.picture == "confusion":
        raise ValueError(
            f"--picture confusion is of known classes beside found ones; {arguments.data} has no sample with both"
        )


def known_but(codes: np.ndarray, left_out: Any = ()) -> list[int | None]:
    """Codes of the classes that are known, None for the others and for those that are left out."""
    known = [None if code < 0 else int(code) for code in codes]
    for place in left_out:
        known[place] = None
    return known


def learned(model: Any) -> dict[str, Any]:
    """The learned graph (CSR), and Θ, L and scale, which make it of the candidates, as arrays."""
    graph = model.graph_
    numbers = (np.array(number) for number in (model.theta_, model.L_, model.scale_, graph.shape))
    return dict(zip(LEARNED, [*numbers, graph.data, graph.indices, graph.indptr], strict=True))
