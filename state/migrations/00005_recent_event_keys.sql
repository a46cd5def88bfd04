-- +goose Up

-- The keys of the latest events. Keys are random: put into event_keys at once,
-- nearly each would change a page of its own once that table is large. They move
-- there many at a time.
CREATE TABLE recent_event_keys (
  key     BLOB PRIMARY KEY,                 -- as in event_keys; a key is in one of the two
  seen_at INTEGER NOT NULL
) WITHOUT ROWID;
