"""What is learned: models and outcomes as declared, learners as algorithms, versions as trained artefacts."""
