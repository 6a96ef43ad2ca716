"""How sophia is watched: metrics, alerts, the dashboard, the live view, spans."""
