"""Networks of coordinates: sines, wavelets, grids, splines, factors."""
