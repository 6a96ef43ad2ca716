-- Which peers of the vectors nobody is to ask, and which processes do as they are told.

CREATE TABLE drained_peer (
    url text PRIMARY KEY,
    since timestamptz NOT NULL,
    by text NOT NULL
);

-- One row for each process that uses the vectors, while anything is drained.
CREATE TABLE drain_follower (
    process text PRIMARY KEY,
    idle text[] NOT NULL,              -- of the drained peers, those it has no call at any more
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
