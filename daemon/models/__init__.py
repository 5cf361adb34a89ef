"""Models in production: trained, promoted, watched."""
