-- Whether a word of a question is the first name of somebody who speaks in its scope.

CREATE INDEX memory_speaker ON memory (lower(split_part(speaker, ' ', 1)), user_id)
    WHERE speaker IS NOT NULL AND forgotten_at IS NULL;
