-- +goose Up

-- A state is one process's. A person is not one key (ids are merged, and attribution,
-- order ids and the guard cross every split), so these columns never meant anything.
ALTER TABLE store DROP COLUMN shard_index;
ALTER TABLE store DROP COLUMN shard_count;
