-- +goose Up

-- A list is compared with the rows themselves.
ALTER TABLE traits DROP COLUMN list_digest;
