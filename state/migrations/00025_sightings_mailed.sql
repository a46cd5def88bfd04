-- +goose Up

-- A message without an address repeats one with an address, if it names the same ids. So
-- how long the address was seen is not how long the ids were.
ALTER TABLE sightings ADD COLUMN mailed_until INTEGER; -- the last time that the address was seen with the ids
UPDATE sightings SET mailed_until = seen_until WHERE email_sha1 IS NOT NULL;
