"""The regime: a hidden Markov model, filtered forward."""
