-- +goose Up

-- Keys are random: in a large table each one changes a page of its own. By day, those
-- of a commit stand together. A key that has no day, such as all of before, has day 0.
CREATE TABLE keys_by_day (
  day     INTEGER NOT NULL,                 -- of the message's own clock, since 1970; 0: not known
  key     BLOB NOT NULL,                    -- the first 16 bytes of the SHA-256 of the messageId, or of the message
  seen_at INTEGER NOT NULL,
  PRIMARY KEY (day, key)
) WITHOUT ROWID;
INSERT INTO keys_by_day SELECT 0, key, seen_at FROM event_keys ORDER BY key;
DROP TABLE event_keys;
ALTER TABLE keys_by_day RENAME TO event_keys;
