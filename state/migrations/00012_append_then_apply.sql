-- +goose Up

-- Commits of logs only append; what changes pages all over a table waits and is
-- applied many rows at a time, in the order of that table.

-- What messages said of people: ids seen together, a hashed address, a click id. The
-- numbers are made from the ids, as those of profiles are.
CREATE TABLE sightings (
  id           INTEGER PRIMARY KEY,         -- in the order of reading
  profile_id   INTEGER,                     -- of the user id, or of an address without any other id
  visitor_id   INTEGER,                     -- of the anonymous id
  user_id      TEXT,
  anonymous_id TEXT,
  email_sha1   TEXT,
  seen_at      INTEGER NOT NULL,            -- and when the click id was
  seen_until   INTEGER NOT NULL,            -- the last time before anything else was seen of them
  event_id     INTEGER NOT NULL,            -- events from this one on were read later
  click_id     TEXT,
  click_sure   INTEGER
);

-- The events of each person, under the number that the message's own ids make: those
-- of a visitor are the user's whom profiles.absorbed_into names.
CREATE TABLE events_by_person (
  profile_id  INTEGER NOT NULL,
  delivery_id INTEGER NOT NULL,
  PRIMARY KEY (profile_id, delivery_id)
) WITHOUT ROWID;
DROP INDEX deliveries_profile;
CREATE TRIGGER deliveries_deleted AFTER DELETE ON deliveries BEGIN
  DELETE FROM events_by_person WHERE profile_id = OLD.profile_id AND delivery_id = OLD.id;
END;
CREATE TRIGGER deliveries_moved AFTER UPDATE OF profile_id ON deliveries WHEN NEW.profile_id <> OLD.profile_id BEGIN
  DELETE FROM events_by_person WHERE profile_id = OLD.profile_id AND delivery_id = OLD.id;
  INSERT INTO events_by_person (profile_id, delivery_id) VALUES (NEW.profile_id, NEW.id) ON CONFLICT DO NOTHING;
END;

-- Events up to this id are in events_by_person.
ALTER TABLE store ADD COLUMN events_applied INTEGER NOT NULL DEFAULT 0;

-- Whose an event is: the user's who absorbed the visitor.
DROP VIEW conversion_verdicts;
CREATE VIEW conversion_verdicts AS
SELECT d.event_type, d.order_id, d.message_id, p.user_id, p.anonymous_id,
       strftime('%Y-%m-%dT%H:%M:%S', d.event_at / 1000000000, 'unixepoch') || printf('.%03dZ', d.event_at / 1000000 % 1000)         AS event_at,
       strftime('%Y-%m-%dT%H:%M:%S', d.delivered_at / 1000000000, 'unixepoch') || printf('.%03dZ', d.delivered_at / 1000000 % 1000) AS delivered_at,
       v.status, v.verdict, v.error_type, v.reasons,
       strftime('%Y-%m-%dT%H:%M:%S', v.completed_at / 1000000000, 'unixepoch') || printf('.%03dZ', v.completed_at / 1000000 % 1000) AS completed_at,
       strftime('%Y-%m-%dT%H:%M:%S', v.looked_at / 1000000000, 'unixepoch') || printf('.%03dZ', v.looked_at / 1000000 % 1000)       AS looked_at,
       v.looks, d.queued_uri
  FROM verdicts v JOIN deliveries d ON d.id = v.delivery_id LEFT JOIN profiles o ON o.id = d.profile_id
  LEFT JOIN profiles p ON p.id = coalesce(o.absorbed_into, o.id);

DROP VIEW refused_deliveries;
CREATE VIEW refused_deliveries AS
SELECT 'e' || d.id AS id, d.kind, d.payload ->> '$.userId' AS user_id, d.payload ->> '$.anonymousId' AS anonymous_id,
       d.event || coalesce(' ' || d.order_id, '') AS detail, d.class, d.last_error AS reason,
       strftime('%Y-%m-%dT%H:%M:%S', d.refused_at / 1000000000, 'unixepoch') || printf('.%03dZ', d.refused_at / 1000000 % 1000) AS refused_at,
       coalesce(p.email_sha1, d.payload ->> '$.traits.email', d.payload ->> '$.context.traits.email', d.payload ->> '$.properties.email') AS email_sha1
  FROM deliveries d LEFT JOIN profiles o ON o.id = d.profile_id LEFT JOIN profiles p ON p.id = coalesce(o.absorbed_into, o.id)
 WHERE d.kind IN ('page_load', 'conversion') AND d.status = 4 AND d.status > 0
UNION ALL
SELECT 't' || v.trait_id || '-' || v.profile_id, 'trait_update', p.user_id, p.anonymous_id,
       t.key || '=' || coalesce(f.value, ''), f.class, f.last_error,
       strftime('%Y-%m-%dT%H:%M:%S', f.at / 1000000000, 'unixepoch') || printf('.%03dZ', f.at / 1000000 % 1000),
       p.email_sha1
  FROM trait_values v
  JOIN profiles p ON p.id = v.profile_id
  JOIN traits t ON t.id = v.trait_id
  JOIN trait_faults f ON f.trait_id = v.trait_id AND f.profile_id = v.profile_id
 WHERE v.status = 4 AND v.status > 0;

-- The keys of events, by minute instead of by day: those of a commit then stand on a
-- few pages, however many there are of a day. The few of before have no minute.
INSERT OR IGNORE INTO event_keys (day, key, seen_at) SELECT 0, key, seen_at FROM event_keys WHERE day > 0;
DELETE FROM event_keys WHERE day > 0;
ALTER TABLE event_keys RENAME COLUMN day TO minute;
