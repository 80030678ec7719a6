# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     name: python3
# ---

# %% [markdown]
# # Learn to recover sparse signals
#
# A signal $x$ has 120 entries, of which one in ten is not 0. It is measured 60 times, $y = Dx$ and noise. Which $x$ was
# it? Here a network learns the answer from 500 signals that are known, and is asked for 500 others.
#
# A layer takes a step towards the measurements and shrinks what it has, $X \leftarrow \xi_\Theta(X - \nabla f(X) / L)$.
# What is learned are the four numbers $\Theta$ and the step constant $L$ of each layer: 80 numbers for 16 layers.

# %%
import matplotlib.pyplot as plt
import numpy as np

from dsrl_ref import LeastSquares, Objective, Theta, fit, forward

LAYERS = 16
rng = np.random.default_rng(0)
D = rng.normal(size=(60, 120)) / np.sqrt(60)
known, unseen = (rng.normal(size=(120, 500)) * (rng.random((120, 500)) < 0.1) for _ in range(2))
Y, measured = (D @ X + 0.0045 * rng.normal(size=(60, 500)) for X in (known, unseen))  # 40 dB


def decibels(X: np.ndarray) -> float:
    """The error of an estimate beside the size of what it estimates: 0 dB is that of the estimate 0, -20 a tenth."""
    return float(20 * np.log10(np.linalg.norm(X - unseen) / np.linalg.norm(unseen)))


# %% [markdown]
# `whitened()` turns $f = \frac12\|DX - Y\|^2$ into one of a $D$ whose singular values are all 1: steps are then as good
# in every direction. `fit` holds a fifth of the known signals out, by which it decides when to end.

# %%
white = LeastSquares(D, Y).whitened()
learned = fit(Objective(white, known, layers=LAYERS, per_layer=True))
print(learned.message)

# %% [markdown]
# The learned network on signals that it has not seen, beside what one soft threshold for all layers does, ISTA with the
# threshold that is best on the known signals after 16 layers, and beside least squares on the true support, which
# nobody tells a method.

# %%
estimates = forward(white.apply_to(measured), learned.theta, learned.L, LAYERS)
errors = [decibels(X) for X in estimates]

L = LeastSquares(D, Y).lipschitz()
soft = [Theta.soft(b / L) for b in np.geomspace(1e-2, 1, 11)]
best = min(soft, key=lambda theta: np.linalg.norm(forward(LeastSquares(D, Y), theta, L, LAYERS)[-1] - known))
ista = [decibels(X) for X in forward(LeastSquares(D, measured), best, L, LAYERS)]

oracle = np.zeros_like(unseen)
for column, truth in enumerate(unseen.T):
    support = np.flatnonzero(truth)
    oracle[support, column] = np.linalg.lstsq(D[:, support], measured[:, column], rcond=None)[0]

print(f"learned {errors[-1]:.1f} dB, ISTA {ista[-1]:.1f} dB, true support {decibels(oracle):.1f} dB")

# %% [markdown]
# One of the signals, and the error by layer. Any signal may be looked at: change `column`.

# %%
column = 0
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
left.vlines(np.arange(120), 0, unseen[:, column], color="0.75", linewidth=3, label="the signal")
there = estimates[-1][:, column] != 0
left.plot(np.flatnonzero(there), estimates[-1][there, column], "o", markersize=4, color="tab:blue", label="recovered")
left.axhline(0, color="0.5", linewidth=0.8)
left.set(xlabel="entry", ylabel="value", title="A signal that was not learned from")
left.legend(frameon=False)
right.plot(ista, color="tab:orange", marker=".", label="ISTA, best threshold")
right.plot(errors, color="tab:blue", marker=".", label="learned, one Θ and L a layer")
right.axhline(decibels(oracle), color="0.5", linestyle="--", label="true support, known to nobody")
right.set(xlabel="layers", ylabel="error in dB", title="The error on 500 such signals")
right.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 0.1))
plt.show()
