-- What was right for a question, as an operator marked it, and the weights fitted on such marks.

CREATE TABLE feedback (
    memory_id uuid NOT NULL REFERENCES memory,
    query text NOT NULL,
    scope jsonb NOT NULL DEFAULT '{}',  -- the filter the question was asked with
    fits boolean NOT NULL,
    at timestamptz NOT NULL
);
-- A question may be longer than an index entry; a cast to bytea would read its backslashes.
CREATE UNIQUE INDEX feedback_mark ON feedback (memory_id, md5(query), scope);

CREATE TABLE ranking_weights (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    weights jsonb NOT NULL,
    provenance jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- Null: the weights that ship with sophia.
ALTER TABLE store ADD COLUMN weights_id integer REFERENCES ranking_weights;
