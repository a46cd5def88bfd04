-- +goose Up

-- Which messages the last run sent, by its configuration, and as what: plan says
-- what another configuration adds.
CREATE TABLE routes (
  type    TEXT NOT NULL,                    -- track, page, screen, identify
  name    TEXT NOT NULL,                    -- of a track event; '' for the others
  becomes TEXT NOT NULL,                    -- conversion, install, page_load
  PRIMARY KEY (type, name)
) WITHOUT ROWID;
-- 1: the last click came by a name that only impact.com uses; 0: by clickid, which
-- other networks use, too, and which takes the place of no other; NULL: not known.
ALTER TABLE profiles ADD COLUMN click_sure INTEGER;

-- Orders of people without any id stood under one number, 2286946517328429721, and
-- shared the last click id that any of them had. Each has a number of its own now,
-- below zero, where no person's is.
UPDATE attempts SET profile_id = -delivery_id WHERE profile_id = 2286946517328429721 AND delivery_id IS NOT NULL
   AND delivery_id IN (SELECT id FROM deliveries WHERE profile_id = 2286946517328429721);
UPDATE deliveries SET profile_id = -id WHERE profile_id = 2286946517328429721;
DELETE FROM profiles WHERE id = 2286946517328429721 AND user_id IS NULL AND anonymous_id IS NULL AND email_sha1 IS NULL;
