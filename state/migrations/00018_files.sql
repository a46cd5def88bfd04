-- +goose Up

-- Conversions that go to impact.com in files. A file is one attempt of many orders.

CREATE TABLE files (
  id            INTEGER PRIMARY KEY,
  name          TEXT NOT NULL UNIQUE,       -- the only link to impact.com's list of files
  level         TEXT NOT NULL CHECK (level IN ('item', 'order')),
  status        TEXT NOT NULL CHECK (status IN ('writing', 'leaving', 'sent', 'complete', 'unknown', 'withdrawn', 'retried')),
  place         TEXT NOT NULL,              -- the folder or server it goes to
  run           INTEGER NOT NULL,           -- that claimed its orders
  attempt       INTEGER NOT NULL,
  orders        INTEGER NOT NULL DEFAULT 0,
  lines         INTEGER NOT NULL DEFAULT 0, -- without the header
  bytes         INTEGER NOT NULL DEFAULT 0,
  claimed_at    INTEGER NOT NULL,
  sent_at       INTEGER,                    -- it has its name since then
  looked_at     INTEGER,                    -- impact.com's list was read the last time
  shown_at      INTEGER,                    -- impact.com's list had it first
  completed_at  INTEGER,                    -- by impact.com's clock
  settled_at    INTEGER,                    -- its orders are settled, or due again
  batch_id      TEXT,                       -- impact.com's
  impact_status TEXT,                       -- impact.com's word: Queued, In Progress, Complete
  records       INTEGER,                    -- as impact.com counted them
  errors        INTEGER,
  problem       TEXT,                       -- why it is not settled, or was withdrawn
  tidied        INTEGER NOT NULL DEFAULT 0  -- of a file that was withdrawn: nothing of it is left in its place
);

-- What impact.com's list of a file's errors says, by order and item.
CREATE TABLE file_errors (
  order_id   TEXT NOT NULL,
  file_id    INTEGER NOT NULL REFERENCES files (id) ON DELETE CASCADE,
  event_type TEXT NOT NULL DEFAULT '',
  sku        TEXT NOT NULL DEFAULT '',      -- '': of the whole order
  error_type TEXT,                          -- impact.com's word, such as Validation
  reasons    TEXT,                          -- impact.com's codes, with blanks between them
  verdict    TEXT NOT NULL,                 -- our reading of them, as in verdicts
  severity   INTEGER NOT NULL,
  PRIMARY KEY (order_id, file_id, event_type, sku)
) WITHOUT ROWID;
CREATE INDEX file_errors_file ON file_errors (file_id);

-- The file that a conversion is in; 0: no file can hold it, so it goes by the API;
-- NULL: neither was decided.
ALTER TABLE deliveries ADD COLUMN file INTEGER;
CREATE INDEX deliveries_file ON deliveries (file, status) WHERE file IS NOT NULL;

-- One line for each file of conversions.
CREATE VIEW conversion_files AS
SELECT f.name AS file, f.status, f.level, f.place, f.orders, f.lines, f.bytes,
       (SELECT count(*) FROM deliveries d WHERE d.file = f.id AND d.status IN (2, 5)) AS open_orders,
       (SELECT count(*) FROM deliveries d WHERE d.file = f.id AND d.status = 4)       AS refused_orders,
       strftime('%Y-%m-%dT%H:%M:%S', f.claimed_at / 1000000000, 'unixepoch') || printf('.%03dZ', f.claimed_at / 1000000 % 1000)     AS claimed_at,
       strftime('%Y-%m-%dT%H:%M:%S', f.sent_at / 1000000000, 'unixepoch') || printf('.%03dZ', f.sent_at / 1000000 % 1000)           AS sent_at,
       strftime('%Y-%m-%dT%H:%M:%S', f.shown_at / 1000000000, 'unixepoch') || printf('.%03dZ', f.shown_at / 1000000 % 1000)         AS shown_at,
       strftime('%Y-%m-%dT%H:%M:%S', f.completed_at / 1000000000, 'unixepoch') || printf('.%03dZ', f.completed_at / 1000000 % 1000) AS completed_at,
       f.impact_status, f.records, f.errors, f.batch_id, f.problem, f.run, f.id
  FROM files f;

-- What impact.com said of single orders and items in files.
CREATE VIEW conversion_file_errors AS
SELECT f.name AS file, e.order_id, e.event_type, nullif(e.sku, '') AS sku, e.error_type, e.reasons, e.verdict
  FROM file_errors e JOIN files f ON f.id = e.file_id;
