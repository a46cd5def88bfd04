package page

// query is a named SQL text. It has no parameters, or named ones, so that people can
// paste it into sqlite3 as it stands.
type query struct{ Name, SQL string }

// The times of the views compare as text.
var (
	runsSQL = query{"runs", `SELECT run, kind, started_at, ended_at, exit_code, found, delivered, refused, rejected, held, pending, note
FROM recent_runs
WHERE started_at >= strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-30 days')
   OR run = (SELECT max(run) FROM recent_runs)
ORDER BY run;`}

	audiencesSQL = query{"audiences", `SELECT key, name, class, source, members_wanted, members_delivered, pending, held, refused, last_change_at, last_list_at
FROM audiences
ORDER BY key;`}

	listsSQL = query{"lists", `SELECT key, listed_at, members, joins, exits, state, verdict
FROM list_history
WHERE listed_at >= strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-30 days')
ORDER BY id;`}

	// Tables, not views: the counters move in the transactions that move the rows.
	countersSQL = query{"due", `SELECT name, sum(value) AS rows
FROM counters -- a table; pending_deliveries and refused_deliveries have the rows themselves
WHERE name IN ('pending', 'in_flight', 'retry_later', 'unknown', 'held', 'refused')
GROUP BY name;`}

	refusedSQL = query{"refused", `SELECT kind, class, reason, count(*) AS deliveries, min(refused_at) AS first_at, max(refused_at) AS last_at
FROM refused_deliveries
GROUP BY kind, class, reason
ORDER BY deliveries DESC
LIMIT 20;`}
)
