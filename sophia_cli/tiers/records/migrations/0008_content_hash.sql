-- Of all rows, the hash of a forgotten one being null. Of some, it was an index of what is not
-- forgotten as well: in a store that was still empty, PostgreSQL could plan to find one such row by
-- reading all of it. Readers are kept out only at the end.
UPDATE memory SET content_hash = NULL WHERE forgotten_at IS NOT NULL AND content_hash IS NOT NULL;
CREATE UNIQUE INDEX memory_hash ON memory (content_hash);
DROP INDEX memory_content_hash;
