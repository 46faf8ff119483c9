"""Pages for people in the browser: what the gateway does, why, and what waits for somebody."""
