-- +goose Up

-- By which rules the people were last looked through for ids that are nobody's
-- (placeholderIds of the configuration, and the words that the program knows).
ALTER TABLE store ADD COLUMN placeholders TEXT NOT NULL DEFAULT '';

-- Ids with more visitors or messages than one person has: nothing is merged into
-- them, and they share no click id, until somebody says whether they are nobody's
-- (placeholderIds) or one person's (trustedIds).
CREATE TABLE crowds (
  profile_id INTEGER PRIMARY KEY,
  id         TEXT NOT NULL,                 -- the user id or the anonymous id
  kind       TEXT NOT NULL CHECK (kind IN ('user_id', 'anonymous_id')),
  visitors   INTEGER NOT NULL,              -- anonymous ids that were merged into it
  messages   INTEGER NOT NULL,              -- in the run that found it, where that is why
  of_messages INTEGER NOT NULL,              -- of so many
  found_at   INTEGER NOT NULL
);
