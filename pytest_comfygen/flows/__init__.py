"""Where rooms meet, still without pytest: plan, preflight, provision, generate."""
