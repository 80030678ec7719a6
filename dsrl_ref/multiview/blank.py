"""What tells no sample from another: a view that is constant, and samples that are constant in one."""

import numpy as np

from dsrl_ref.multiview.views import PreparedView


def what_is_blank(view: PreparedView) -> str:
    """What is to be said of a view that tells no sample from another, or of samples that are constant in it.

    The name of the view goes before it; it is empty where there is nothing to say.
    """
    count = view.points.count
    if count == 1:
        return f" has one sample alone, {int(np.argmax(view.seen))}: it joins none to another; leave it out"
    if view.points.are_equal():
        return f" is constant: standardised along {view.how}, all its samples are equal; leave it out"
    blank = view.blank()
    if not blank.size:
        return ""
    kind = "no words" if view.how == "tf-idf" else "nothing but equal features"
    first = np.flatnonzero(view.seen)[blank[0]]
    who = f"{blank.size} of {count} samples have {kind}, the first of them sample {first}"
    return f": {who}: what they are near to means nothing in this view"
