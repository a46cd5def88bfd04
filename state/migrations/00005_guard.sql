-- +goose Up

-- Who left or joined a trait by messages and was let through in the last 24
-- hours: the guard counts people, however often each of them moves.
CREATE TABLE guard_passed (
  profile_id INTEGER NOT NULL,
  trait_id   INTEGER NOT NULL REFERENCES traits (id) ON DELETE CASCADE,
  is_exit    INTEGER NOT NULL,
  at         INTEGER NOT NULL,              -- the last time
  PRIMARY KEY (profile_id, trait_id, is_exit)
) WITHOUT ROWID;
