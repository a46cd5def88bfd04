package page

// query is a named SQL text. It has no parameters, or named ones, so that people can
// paste it into sqlite3 as it stands.
type query struct{ Name, SQL string }

// The SQL of the page. The times of the views compare as text.
var (
	runsSQL = query{"runs", `SELECT run, kind, started_at, ended_at, exit_code, found, delivered, refused, rejected, held, pending, note,
       requests, unknown, version, last_seen_at, next_run_at
FROM recent_runs
WHERE started_at >= strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-30 days')
   OR run = (SELECT max(run) FROM recent_runs)
ORDER BY run;`}

	dueSQL = query{"due", `SELECT CASE scope WHEN -1 THEN 'api' ELSE 'tracking' END AS host, name, sum(value) AS rows
FROM counters -- a table; pending_deliveries and refused_deliveries have the rows themselves
WHERE name IN ('pending', 'in_flight', 'retry_later', 'unknown', 'held', 'refused')
GROUP BY host, name;`}

	filesSQL = query{"files", `SELECT (SELECT count(*) FROM deliveries WHERE file > 0 AND status = 2) -- a table; conversion_files has the files themselves
     + (SELECT count(*) FROM deliveries WHERE file > 0 AND status = 5) AS in_files,
       (SELECT coalesce(sum(value), 0) FROM counters WHERE scope = -1 AND name = 'pending')
     - (SELECT count(*) FROM deliveries WHERE file = 0 AND status = 1) AS fit_for_files;`}

	// As the command status has it: the view pending_deliveries would read all that is due.
	oldestSQL = query{"oldest", `WITH statuses (st) AS (VALUES (1), (2), (3), (5)), bits (b) AS (VALUES (0), (1)), kinds (k) AS (VALUES ('page_load'), ('conversion'))
SELECT strftime('%Y-%m-%dT%H:%M:%SZ', min(at) / 1000000000, 'unixepoch') AS oldest_undelivered -- of tables: each index of what is due, once
FROM (SELECT (SELECT min(event_at) FROM deliveries WHERE kind = k AND status = st AND status > 0 AND has_click = b) AS at FROM statuses, bits, kinds
      UNION ALL
      SELECT (SELECT min(wanted_at) FROM trait_due WHERE status = st AND is_exit = b) FROM statuses, bits);`}

	heldSQL = query{"held", `SELECT trait_key, direction, kind, held, reason, held_at, command
FROM held_changes;`}

	audiencesSQL = query{"audiences", `SELECT key, name, class, source, members_wanted, members_delivered, pending, held, refused,
       last_change_at, last_list_at, list_gone_at
FROM audiences
ORDER BY key;`}

	historySQL = query{"history", `SELECT trait_key, date(at) AS day, max(run) AS run, members_wanted, members_delivered, -- those of that run
       sum(joins) AS joins, sum(leaves) AS leaves
FROM trait_history
WHERE at >= strftime('%Y-%m-%dT00:00:00Z', 'now', '-29 days')
GROUP BY trait_key, day
ORDER BY trait_key, day;`}

	listsSQL = query{"lists", `SELECT key, listed_at, members, joins, exits, state, verdict
FROM (SELECT *, row_number() OVER (PARTITION BY key ORDER BY id DESC) AS nth FROM list_history)
WHERE nth <= 6
ORDER BY key, id DESC;`}

	approvalsSQL = query{"approvals", `SELECT trait_key, direction, amount, used, approved_at, used_by_run, os_user, host, approved_as
FROM approvals
WHERE approved_at >= strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-30 days')
ORDER BY id DESC
LIMIT 20;`}

	countsSQL = query{"counts", `SELECT name, count
FROM run_counts
WHERE run = (SELECT max(run) FROM recent_runs WHERE kind = 'run');`}

	hostsSQL = query{"hosts", `SELECT host, sent_last_hour, quota, remaining, reset_at, paused_until, pace_per_second
FROM host_rates
ORDER BY host DESC;`}

	minutesSQL = query{"minutes", `SELECT host, strftime('%Y-%m-%dT%H:%M:00Z', unixepoch(minute) / 600 * 600, 'unixepoch') AS ten_minutes,
       max(requests) AS most_in_a_minute, sum(requests) AS requests
FROM requests_by_minute
WHERE minute >= strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-24 hours')
GROUP BY host, ten_minutes
ORDER BY host, ten_minutes;`}

	ordersSQL = query{"orders", `SELECT date(event_at) AS day,
       CASE WHEN status = 'delivered' THEN coalesce(verdict, 'not looked up')
            WHEN status IN ('dropped', 'too_old', 'refused') THEN status
            WHEN status = 'duplicate' THEN 'seen before' ELSE 'not sent yet' END AS outcome,
       currency, count(*) AS orders, sum(amount) AS money
FROM orders
WHERE order_id > '' -- goes by their index: there may be millions of page loads beside them
  AND event_at >= strftime('%Y-%m-%dT00:00:00Z', 'now', '-29 days')
GROUP BY day, outcome, currency
ORDER BY day, outcome, currency;`}

	faultsSQL = query{"faults", `SELECT verdict, error_type, reasons, count(*) AS orders
FROM conversion_verdicts
WHERE verdict IN ('fault', 'not_found', 'duplicate')
GROUP BY verdict, error_type, reasons
ORDER BY orders DESC
LIMIT 20;`}

	refusedSQL = query{"refused", `SELECT kind, class, reason, count(*) AS deliveries, min(refused_at) AS first_at, max(refused_at) AS last_at
FROM refused_deliveries
GROUP BY kind, class, reason
ORDER BY deliveries DESC
LIMIT 20;`}

	sourcesSQL = query{"sources", `SELECT source, newest_input_at, read_at, max_age_seconds, stale, stale_reason, last_error, objects, problems, missing_lists
FROM sources
ORDER BY stale DESC, source;`}

	rejectedSQL = query{"rejected", `SELECT source, object, reason, count(*) AS lines, max(seen_at) AS last_at
FROM rejected_input
GROUP BY source, object, reason
ORDER BY last_at DESC
LIMIT 10;`}

	unlistedSQL = query{"unlisted", `SELECT kind, name, count, last_seen_at
FROM unlisted_names
ORDER BY count DESC, name
LIMIT 30;`}

	warningsSQL = query{"warnings", `SELECT kind, field, level, message, count, last_seen_at
FROM answer_warnings
LIMIT 10;`}

	personSQL = query{"person", `-- .parameter set :id "'u3'"
SELECT trait_key, wanted, delivered, doubt, status, changed_at, delivered_at, last_error
FROM profile_traits
WHERE user_id = :id OR user_id IS NULL AND anonymous_id = :id
ORDER BY trait_key;`}

	attemptsSQL = query{"attempts", `SELECT at, run, kind, detail, outcome, error
FROM attempts
WHERE user_id = :id
ORDER BY at DESC
LIMIT 50;`}

	orderSQL = query{"order", `-- .parameter set :order "'o-1003'"
SELECT order_id, event, event_type, status, amount, currency, event_at, delivered_at, attempts, last_error,
       verdict, error_type, reasons, queued_uri, user_id, anonymous_id
FROM orders
WHERE order_id = :order
ORDER BY event_at;`}
)
