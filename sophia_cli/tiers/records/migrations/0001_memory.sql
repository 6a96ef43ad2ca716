-- The data model: memories, their audit trail, links, and what the index still owes.

CREATE TABLE embedding_model (
    id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    dimension integer NOT NULL CHECK (dimension > 0),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- One row: which store this is, and which model its index is built with.
CREATE TABLE store (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    model_id smallint REFERENCES embedding_model,
    erase_answers boolean NOT NULL DEFAULT false,  -- a forget whose cached answers still stand
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row)
);
INSERT INTO store DEFAULT VALUES;

CREATE TABLE memory (
    id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('coding', 'business')),
    content text NOT NULL,
    content_hash bytea,              -- of scope and content; null once forgotten
    user_id text,
    agent_id text,
    session_id text,
    turn integer,
    speaker text,
    said_at timestamptz,
    tags jsonb NOT NULL DEFAULT '{}',
    valid_from timestamptz NOT NULL,
    valid_to timestamptz,            -- set when another memory supersedes it
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    expires_at timestamptz,
    forgotten_at timestamptz,
    version integer NOT NULL DEFAULT 1,
    session_key text GENERATED ALWAYS AS (
        CASE WHEN session_id IS NULL THEN NULL ELSE
            kind || E'\x1f' || coalesce(user_id, '') || E'\x1f' || coalesce(agent_id, '')
                 || E'\x1f' || session_id
        END
    ) STORED
);
CREATE UNIQUE INDEX memory_content_hash ON memory (content_hash) WHERE forgotten_at IS NULL;
CREATE INDEX memory_session ON memory (session_key, turn, id)
    WHERE forgotten_at IS NULL AND session_key IS NOT NULL;
CREATE INDEX memory_created ON memory (created_at, id);
CREATE INDEX memory_updated ON memory (updated_at);
CREATE INDEX memory_expires ON memory (expires_at)
    WHERE expires_at IS NOT NULL AND forgotten_at IS NULL;
-- Answers a recall when the vectors are down.
CREATE INDEX memory_words ON memory USING gin (to_tsvector('english', content));

-- float32, little-endian, L2-normalised; a row for each model the memory was embedded with.
CREATE TABLE memory_vector (
    memory_id uuid NOT NULL REFERENCES memory ON DELETE CASCADE,
    model_id smallint NOT NULL REFERENCES embedding_model,
    vector bytea NOT NULL,
    PRIMARY KEY (memory_id, model_id)
);
-- Random bytes do not compress; trying costs more than the row.
ALTER TABLE memory_vector ALTER COLUMN vector SET STORAGE EXTERNAL;

CREATE TABLE memory_event (
    id uuid PRIMARY KEY,
    memory_id uuid NOT NULL REFERENCES memory,
    at timestamptz NOT NULL,
    action text NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX memory_event_memory ON memory_event (memory_id, at, id);

-- The audit trail is append-only. Erasing a memory's words from it is the one exception.
CREATE FUNCTION memory_event_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND current_setting('sophia.erasing', true) = 'on'
       AND (NEW.id, NEW.memory_id, NEW.at, NEW.action)
           IS NOT DISTINCT FROM (OLD.id, OLD.memory_id, OLD.at, OLD.action) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'memory_event is append-only';
END $$;
CREATE TRIGGER memory_event_append_only BEFORE UPDATE OR DELETE ON memory_event
    FOR EACH ROW EXECUTE FUNCTION memory_event_is_append_only();

CREATE TABLE memory_link (
    source uuid NOT NULL REFERENCES memory,
    relation text NOT NULL,
    target uuid NOT NULL REFERENCES memory,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (source, relation, target)
);
CREATE INDEX memory_link_target ON memory_link (target);

-- What the index still owes: "bring this memory's point in line with the records". `change` grows
-- at every write, so an acknowledgement of an older state never hides a newer one.
CREATE SEQUENCE outbox_change;
CREATE TABLE outbox (
    memory_id uuid PRIMARY KEY,
    kind text NOT NULL,
    change bigint NOT NULL DEFAULT nextval('outbox_change'),
    enqueued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempts integer NOT NULL DEFAULT 0,
    last_error text
);
CREATE INDEX outbox_kind ON outbox (kind, change);

-- Moves with every write of a kind; a cached answer of an older epoch is never served.
CREATE TABLE epoch (
    kind text PRIMARY KEY,
    value bigint NOT NULL DEFAULT 0
);
INSERT INTO epoch (kind) VALUES ('coding'), ('business');
