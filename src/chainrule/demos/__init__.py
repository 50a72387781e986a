"""Three programs on real data: handwritten digits, text, and a time series. `chainrule demo NAME` runs them."""
