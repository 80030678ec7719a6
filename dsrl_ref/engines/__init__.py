"""Other ways to the same J and gradient as the appendix's tensors.

An engine takes Θ and validation from below and no formula: shared tables would hide shared errors. Each is
judged by the `appendix` folder and by the exact arithmetic of `verify`.
"""
