-- +goose Up

-- Which messages the last run sent, by its configuration, and as what: plan says
-- what another configuration adds.
CREATE TABLE routes (
  type    TEXT NOT NULL,                    -- track, page, screen, identify
  name    TEXT NOT NULL,                    -- of a track event; '' for the others
  becomes TEXT NOT NULL,                    -- conversion, install, page_load
  PRIMARY KEY (type, name)
) WITHOUT ROWID;

-- 1: the last click came by a name that only impact.com uses. 0: by clickid, which
-- other networks use, too, so that it never takes the place of a click of the first
-- kind. NULL: not known, from an older schema.
ALTER TABLE profiles ADD COLUMN click_sure INTEGER;

-- Orders of people without any id were all stored under one number,
-- 2286946517328429721, and so shared the last click id that any of them had. Now
-- each has a number of its own, below zero, where no profile is.
UPDATE attempts SET profile_id = -delivery_id WHERE profile_id = 2286946517328429721 AND delivery_id IS NOT NULL
   AND delivery_id IN (SELECT id FROM deliveries WHERE profile_id = 2286946517328429721);
UPDATE deliveries SET profile_id = -id WHERE profile_id = 2286946517328429721;
DELETE FROM profiles WHERE id = 2286946517328429721 AND user_id IS NULL AND anonymous_id IS NULL AND email_sha1 IS NULL;

-- A fingerprint of the rules by which all profiles were last searched for ids that
-- are nobody's: the words that the program knows, placeholderIds and trustedIds of
-- the configuration. With other rules the next run searches them again.
ALTER TABLE store ADD COLUMN placeholders TEXT NOT NULL DEFAULT '';

-- Ids with more visitors or messages than one person has: nothing is merged into
-- them, and they share no click id, until somebody says whether they are nobody's
-- (placeholderIds) or one person's (trustedIds).
CREATE TABLE crowds (
  profile_id  INTEGER PRIMARY KEY,
  id          TEXT NOT NULL,                -- the user id or the anonymous id
  kind        TEXT NOT NULL CHECK (kind IN ('user_id', 'anonymous_id')),
  visitors    INTEGER NOT NULL,             -- anonymous ids that were merged into it
  messages    INTEGER NOT NULL,             -- of the run that found it; 0 if its visitors are the reason
  of_messages INTEGER NOT NULL,             -- all messages of that run
  found_at    INTEGER NOT NULL
);
