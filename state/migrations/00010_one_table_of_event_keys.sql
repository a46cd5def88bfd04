-- +goose Up

-- The keys of the latest events stood apart.
INSERT OR IGNORE INTO event_keys SELECT key, seen_at FROM recent_event_keys;
DROP TABLE recent_event_keys;
