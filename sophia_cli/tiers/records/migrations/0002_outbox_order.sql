-- What was tried least comes first, so that an entry which cannot be done holds up no other.

CREATE INDEX outbox_order ON outbox (attempts, change);
