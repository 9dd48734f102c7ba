"""What watches a running system: drift, calibration, performance, freshness."""
