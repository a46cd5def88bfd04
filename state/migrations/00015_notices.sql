-- +goose Up

-- What each webhook of the configuration was told last: a row from when it was told
-- that a condition began until it was told that it is over. Nobody's data.
CREATE TABLE notices (
  webhook   TEXT NOT NULL,                  -- its name in the configuration
  condition TEXT NOT NULL,                  -- failed, held, refused, stale, money
  since     INTEGER NOT NULL,               -- when it began
  told_at   INTEGER NOT NULL,
  PRIMARY KEY (webhook, condition)
) WITHOUT ROWID;

-- One line for each condition that holds and that a webhook was told of.
CREATE VIEW notifications AS
SELECT webhook, condition,
       strftime('%Y-%m-%dT%H:%M:%S', since / 1000000000, 'unixepoch') || printf('.%03dZ', since / 1000000 % 1000)     AS since,
       strftime('%Y-%m-%dT%H:%M:%S', told_at / 1000000000, 'unixepoch') || printf('.%03dZ', told_at / 1000000 % 1000) AS told_at
  FROM notices;
