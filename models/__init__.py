"""The only home of xgboost, hmmlearn, torch, stable_baselines3 and transformers; and the artefacts."""
