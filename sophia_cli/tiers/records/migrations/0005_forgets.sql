-- How often memories were forgotten: a process that finds it moved lets go of what it keeps itself.

ALTER TABLE store ADD COLUMN forgets bigint NOT NULL DEFAULT 0;
