"""What decides: sources propose, stages refine, a chooser draws, wrappers are policies too."""
