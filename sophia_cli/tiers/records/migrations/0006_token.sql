-- Who may use the memory over TCP, and what was answered to them under an Idempotency-Key.

CREATE TABLE token (
    id text PRIMARY KEY,               -- stands in the token itself
    name text NOT NULL,
    digest bytea NOT NULL,             -- sha256 of its secret, which is kept nowhere
    scopes text[] NOT NULL,
    user_id text,                      -- whose memories alone it reaches
    kind text CHECK (kind IN ('coding', 'business')),
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    used_at timestamptz,
    revoked_at timestamptz
);
CREATE UNIQUE INDEX token_name ON token (name) WHERE revoked_at IS NULL;

CREATE TABLE idempotent_answer (
    caller text NOT NULL,              -- a token's id, or the owner
    key text NOT NULL,
    request bytea NOT NULL,            -- sha256 of what was asked
    stored jsonb NOT NULL,             -- id, kind and created of each memory; never its content
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (caller, key)
);
CREATE INDEX idempotent_answer_created ON idempotent_answer (created_at);

-- Rows that a process writes, reads back and removes, to see that it can.
CREATE TABLE probe (
    id uuid PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
