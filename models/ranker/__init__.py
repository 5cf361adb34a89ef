"""The XGBoost ranker: samples, training, calibration, versions."""
