"""Benchmarks that check before they time.

``python -m benchmarks`` in a checkout; ``pip install '.[bench]'`` brings the peers.
"""
