-- +goose Up

-- Whether our own rules would refuse an event, as the mapping said when it was
-- read. The reason, for people; NULL: they would not.
ALTER TABLE deliveries ADD COLUMN own_refusal TEXT;

-- 1: own_refusal is of the message alone, and what is known of the person when it
-- is claimed (their click id, their traits) may decide otherwise.
ALTER TABLE deliveries ADD COLUMN unsure INTEGER NOT NULL DEFAULT 0;

-- A fingerprint of the mapping that own_refusal of all waiting events is of. With
-- another one the next run tries each of them anew.
ALTER TABLE store ADD COLUMN refusals_of TEXT NOT NULL DEFAULT '';
