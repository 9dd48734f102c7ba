"""Guards: what a rollout is watched for, and when what was seen is proof."""
