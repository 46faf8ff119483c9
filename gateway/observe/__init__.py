"""Watch the gateway: metrics, liveness and readiness, traces, and word to the service manager."""
