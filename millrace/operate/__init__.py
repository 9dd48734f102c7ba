"""The closed loop: watch, retrain, gate, roll out, promote or roll back."""
