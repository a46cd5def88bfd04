-- +goose Up

-- An index over random keys costs as much to keep as the table: what is too old
-- is found by looking through a part of the table in each run.
DROP INDEX event_keys_seen;
