"""Facts about keys: aggregates over windows, on-demand functions, and the kernel that computes them."""
