-- +goose Up

-- What impact.com made of our orders. An action is a conversion that it credited to a
-- partner. Amounts of money are in ten-thousandths of the currency's unit. Nothing of
-- the person is kept.

-- Actions as they were seen last.
CREATE TABLE actions (
  id              TEXT PRIMARY KEY,         -- impact.com's, such as 77.310.9001
  event_type      TEXT NOT NULL,            -- as in deliveries, as far as action_types knows it; else the ActionTrackerId
  order_id        TEXT,                     -- Oid; NULL: it has none
  state           TEXT NOT NULL,            -- PENDING, APPROVED, REVERSED
  amount          INTEGER,                  -- now
  intended_amount INTEGER,                  -- before it was modified
  currency        TEXT,                     -- usually the account's, not the order's
  payout          INTEGER,                  -- the partner's commission
  client_cost     INTEGER,                  -- the commission and impact.com's fee
  partner_id      TEXT,
  event_at        INTEGER,
  created_at      INTEGER,
  locking_at      INTEGER,                  -- it can be changed until then; NULL: not set
  cleared_at      INTEGER,                  -- paid
  seen_at         INTEGER NOT NULL,
  tracker_id      TEXT NOT NULL,            -- ActionTrackerId
  read_in         INTEGER NOT NULL DEFAULT 0 -- the pass of reconcile_windows that saw it last
) WITHOUT ROWID;
CREATE INDEX actions_order ON actions (order_id, event_type) WHERE order_id IS NOT NULL;

-- Which of our event types each ActionTrackerId is.
CREATE TABLE action_types (
  tracker_id TEXT PRIMARY KEY,
  code       TEXT,                          -- EventCode
  name       TEXT,                          -- ActionTrackerName
  event_type TEXT,                          -- ours; NULL: not known
  how        TEXT NOT NULL DEFAULT '',      -- how that is known: id, code, setting, name, orders
  seen_at    INTEGER NOT NULL
) WITHOUT ROWID;

-- Changes of actions after they were made: modifications and reversals.
CREATE TABLE action_changes (
  id           TEXT PRIMARY KEY,            -- impact.com's: the action's and a number
  action_id    TEXT NOT NULL,
  state        TEXT NOT NULL,
  disposition  TEXT,                        -- why, as impact.com codes it
  delta_amount INTEGER,
  sku          TEXT,
  quantity     TEXT,
  updated_at   INTEGER
) WITHOUT ROWID;
CREATE INDEX action_changes_action ON action_changes (action_id, updated_at);

-- Each reading of impact.com's actions: by when they were updated.
CREATE TABLE reconcile_reads (
  id         INTEGER PRIMARY KEY,
  since_at   INTEGER NOT NULL,
  started_at INTEGER NOT NULL,              -- what is submitted later is not in it
  ended_at   INTEGER,                       -- NULL: it is to be resumed
  judged_at  INTEGER,                       -- when each order got its verdict from it
  missed     INTEGER NOT NULL DEFAULT 0,    -- actions that moved between pages while they were read, and were not seen
  requests   INTEGER NOT NULL DEFAULT 0,
  actions    INTEGER NOT NULL DEFAULT 0     -- that were read, repeated ones too
);

-- How far each window of a reading was read.
CREATE TABLE reconcile_windows (
  read_id  INTEGER NOT NULL REFERENCES reconcile_reads (id) ON DELETE CASCADE,
  kind     TEXT NOT NULL CHECK (kind IN ('actions', 'changes')),
  from_at  INTEGER NOT NULL,
  to_at    INTEGER NOT NULL,
  pass     INTEGER NOT NULL,                -- numbers the passes over windows
  tries    INTEGER NOT NULL DEFAULT 0,      -- passes over this one that were begun anew
  page     INTEGER NOT NULL DEFAULT 0,      -- read to its end
  total    INTEGER NOT NULL DEFAULT 0,      -- the most that impact.com said to be in it, in this pass
  distinct_rows INTEGER NOT NULL DEFAULT 0, -- seen in this pass
  done     INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (read_id, kind, from_at)
) WITHOUT ROWID;

-- One verdict for each order that we or impact.com know. It is kept longer than the
-- delivery, so it has of that what it needs.
CREATE TABLE reconciliations (
  order_id        TEXT NOT NULL,
  event_type      TEXT NOT NULL,
  verdict         TEXT NOT NULL CHECK (verdict IN ('matched', 'waiting', 'no_action', 'refused', 'differs', 'double', 'reversed', 'reversed_elsewhere', 'reattributed', 'not_ours', 'refund_owed')),
  reason          TEXT,                     -- more about it
  ours            INTEGER NOT NULL,         -- 1: we know the order
  amount_sent     INTEGER,                  -- of all products
  currency_sent   TEXT,
  amount_wanted   INTEGER,                  -- what is left of it after refunds; NULL: there are none
  event_at        INTEGER,
  sent_at         INTEGER,                  -- impact.com took it; NULL: not so far
  action_id       TEXT,                     -- the action that counts: the newest that is not reversed, else the newest
  actions         INTEGER NOT NULL DEFAULT 0,
  live_actions    INTEGER NOT NULL DEFAULT 0, -- that are not reversed
  state           TEXT,
  amount_there    INTEGER,                  -- of all live actions, else of action_id
  intended_there  INTEGER,
  currency_there  TEXT,
  payout          INTEGER,                  -- of all live actions
  client_cost     INTEGER,
  partner_id      TEXT,
  locking_at      INTEGER,
  cleared_at      INTEGER,
  disposition     TEXT,                     -- of the last reversal
  seen_at         INTEGER,                  -- when an action was seen last
  judged_at       INTEGER NOT NULL,
  changed_at      INTEGER NOT NULL,         -- when it got this verdict
  PRIMARY KEY (order_id, event_type)
) WITHOUT ROWID;
-- How many orders have which verdict, kept in the transactions that change them.
CREATE TABLE reconciliation_counts (
  verdict TEXT PRIMARY KEY,
  orders  INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX reconciliations_verdict ON reconciliations (verdict, event_at);

-- The same, with the requests that read actions.
DROP VIEW requests_by_minute;
CREATE VIEW requests_by_minute AS
SELECT CASE host WHEN 'tracking' THEN host ELSE 'api' END AS host, strftime('%Y-%m-%dT%H:%M:00.000Z', minute * 60, 'unixepoch') AS minute,
       coalesce(sum(count) FILTER (WHERE host IN ('tracking', 'api')), 0) AS requests,
       coalesce(sum(count) FILTER (WHERE host = 'api_lookups'), 0) AS lookups,
       coalesce(sum(count) FILTER (WHERE host = 'api_actions'), 0) AS action_lists
  FROM requests_sent GROUP BY 1, 2;

-- What impact.com made of each order.
CREATE VIEW order_reconciliation AS
SELECT order_id, event_type, verdict, action_id, round(amount_sent / 10000.0, 4) AS amount_sent, round(amount_there / 10000.0, 4) AS amount_there,
       coalesce(currency_there, currency_sent) AS currency,
       strftime('%Y-%m-%dT%H:%M:%S', locking_at / 1000000000, 'unixepoch') || printf('.%03dZ', locking_at / 1000000 % 1000) AS locking_at,
       strftime('%Y-%m-%dT%H:%M:%S', seen_at / 1000000000, 'unixepoch') || printf('.%03dZ', seen_at / 1000000 % 1000)       AS seen_at,
       reason, currency_sent, round(amount_wanted / 10000.0, 4) AS amount_wanted, state, coalesce(state = 'APPROVED' OR locking_at / 1000000000 <= unixepoch('now'), 0) AS locked,
       round((locking_at / 1000000000 - unixepoch('now')) / 86400.0, 1) AS days_until_locking,
       actions, live_actions, partner_id, round(payout / 10000.0, 4) AS payout, round(client_cost / 10000.0, 4) AS client_cost, disposition,
       strftime('%Y-%m-%dT%H:%M:%S', event_at / 1000000000, 'unixepoch') || printf('.%03dZ', event_at / 1000000 % 1000)     AS event_at,
       strftime('%Y-%m-%dT%H:%M:%S', sent_at / 1000000000, 'unixepoch') || printf('.%03dZ', sent_at / 1000000 % 1000)       AS sent_at,
       strftime('%Y-%m-%dT%H:%M:%S', cleared_at / 1000000000, 'unixepoch') || printf('.%03dZ', cleared_at / 1000000 % 1000) AS cleared_at,
       strftime('%Y-%m-%dT%H:%M:%S', changed_at / 1000000000, 'unixepoch') || printf('.%03dZ', changed_at / 1000000 % 1000) AS verdict_since
  FROM reconciliations;

-- Orders, amounts and commission by verdict, partner and day. amount_there, payout and
-- client_cost are in the currency of that line, as amount_sent is.
CREATE VIEW reconciliation_totals AS
SELECT verdict, partner_id, date(event_at / 1000000000, 'unixepoch') AS day, currency_sent, currency_there,
       coalesce(state = 'APPROVED' OR locking_at / 1000000000 <= unixepoch('now'), 0) AS locked, count(*) AS orders,
       round(sum(amount_sent) / 10000.0, 4) AS amount_sent, round(sum(amount_wanted) / 10000.0, 4) AS amount_wanted, round(sum(amount_there) / 10000.0, 4) AS amount_there,
       round(sum(payout) / 10000.0, 4) AS payout, round(sum(client_cost) / 10000.0, 4) AS client_cost
  FROM reconciliations GROUP BY 1, 2, 3, 4, 5, 6;
