"""A stand-in for the Qdrant server, for tests; not Qdrant.

Points are kept in the real engine (`qdrant_edge`); peers, consensus, replicas and transfers are
simulated so that the answers mislead as the recorded ones of Qdrant 1.18.3 do. See README.md.
"""
