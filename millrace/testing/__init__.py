"""Law suites to run on your own policies and stores, and the slow, obvious engines they are held against."""
