-- +goose Up

-- Traits of which what is settled is kept in a warehouse, in its table told. Here is only
-- what is under way of them, and what is settled until it is written there. The counters
-- of such a trait count both; away (told true) and away_all count what is not here.
-- A delivered value without delivered_at stands there as it is here.
CREATE TABLE told_traits (
  trait_id INTEGER PRIMARY KEY,
  place    TEXT NOT NULL,                   -- the schema with the table, as the configuration names it
  ids      TEXT NOT NULL DEFAULT ''         -- a fingerprint of what were people's ids when a list was last compared with it
);

-- People whose rows of the table differ from a list that is being compared.
CREATE TABLE told_differs (
  trait_id   INTEGER NOT NULL,
  profile_id INTEGER NOT NULL,
  PRIMARY KEY (trait_id, profile_id)
) WITHOUT ROWID;

-- Visitors who were absorbed: what the table has of them is to become the users'.
CREATE TABLE told_calls (anonymous_id TEXT PRIMARY KEY) WITHOUT ROWID;

-- Rows that are to be removed from the table.
CREATE TABLE told_gone (
  kind     TEXT NOT NULL CHECK (kind IN ('user_id', 'anonymous_id', 'email_sha1')),
  id       TEXT NOT NULL,
  trait_id INTEGER NOT NULL,                -- 0: of all traits, since the person is forgotten
  PRIMARY KEY (kind, id, trait_id)
) WITHOUT ROWID;
