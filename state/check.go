package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Check looks for damage and returns what it found: by SQLite's own integrity check,
// in foreign keys, in rows whose status contradicts their values, and in counters
// that do not add up. It reads the whole file.
func (d *DB) Check(ctx context.Context) (problems []string, err error) {
	err = d.view(ctx, func(v *view) error {
		for _, c := range checks {
			err := v.Each(c.query, nil, func(rows *sql.Rows) error {
				var found string
				if err := rows.Scan(&found); err != nil {
					return err
				}
				if found != "ok" {
					problems = append(problems, c.what+": "+found)
				}
				return nil
			})
			if err != nil {
				return fmt.Errorf("check %s: %w", c.what, err)
			}
		}
		return nil
	})
	return problems, err
}

var checks = []struct{ what, query string }{
	{"integrity", `PRAGMA integrity_check(10)`},
	{"foreign keys", `SELECT "table" || coalesce(' row ' || rowid, '') FROM pragma_foreign_key_check LIMIT 10`},
	{"trait values without a person", `SELECT 'trait ' || v.trait_id || ' profile ' || v.profile_id FROM trait_rows v ` + joinPerson + `
		WHERE p.id IS NULL AND n.id IS NULL LIMIT 10`},
	{"settled trait values that are due", `SELECT t.key || ' profile ' || v.profile_id FROM trait_rows v JOIN traits t ON t.id = v.trait_id
		WHERE v.status = 0 AND (v.wanted IS NOT NULL OR t.class = 'audience') AND (v.doubt = 1
			OR (t.class = 'audience' AND v.wanted IS 1 AND v.delivered IS NOT 1)
			OR (t.class = 'audience' AND v.wanted IS NOT 1 AND v.delivered IS 1)
			OR (t.class = 'computed' AND v.wanted IS NOT v.delivered)) LIMIT 10`},
	{"trait values that contradict their status", `SELECT t.key || ' profile ' || v.profile_id || ' is ' || s.name FROM trait_due v JOIN traits t ON t.id = v.trait_id JOIN (` + statusRows + `) s ON s.status = v.status
		WHERE v.status = 0 AND (v.doubt = 0 OR v.wanted IS NOT NULL OR v.at IS NOT NULL) OR v.status > 0 AND (v.is_exit <> (t.class = 'audience' AND v.wanted IS NOT 1)
			OR v.doubt = 0 AND (v.wanted IS v.delivered OR t.class = 'audience' AND v.wanted IS NOT 1 AND v.delivered IS NOT 1)
			OR t.class = 'computed' AND v.wanted IS NULL
			OR v.status = 2 AND (v.attempt IS NULL OR v.doubt = 0 OR v.sent IS NULL)
			OR v.status = 5 AND v.doubt = 0
			OR v.status = 1 AND v.at IS NOT NULL
			OR v.status IN (3, 5) AND (v.next_attempt_at IS NULL OR v.class IS NOT NULL)
			OR v.status NOT IN (3, 5) AND v.next_attempt_at IS NOT NULL
			OR v.status = 4 AND (v.at IS NULL OR v.class IN (` + guardClasses + `))
			OR v.status = 6 AND v.at IS NOT NULL AND coalesce(v.class, '') NOT IN (` + guardClasses + `)) LIMIT 10`},
	{"events that contradict their status", `SELECT d.kind || ' ' || d.id || ' is ' || s.name FROM deliveries d JOIN (` + statusRows + `) s ON s.status = d.status
		WHERE (d.status > 0) <> (d.payload IS NOT NULL)
			OR d.status = 2 AND (d.attempt IS NULL OR d.doubt = 0)
			OR d.status = 5 AND d.doubt = 0
			OR d.status IN (3, 5) AND (d.next_attempt_at IS NULL) <> (coalesce(d.file, 0) > 0)
			OR d.file > 0 AND d.status NOT IN (0, 2, 4, 5)
			OR d.status = 4 AND d.refused_at IS NULL
			OR d.status = 6 AND d.class NOT IN ('conversions', 'suppressions') LIMIT 10`},
	{"files that contradict their orders", `SELECT f.name || ' is ' || f.status || ' and has an order that is ' || s.name FROM files f JOIN deliveries d ON d.file = f.id JOIN (` + statusRows + `) s ON s.status = d.status
		WHERE d.status = 2 AND f.status NOT IN ('writing', 'leaving', 'sent') OR d.status = 5 AND f.status <> 'unknown' OR d.status = 0 AND f.status IN ('writing', 'leaving') AND d.outcome = 'delivered' LIMIT 10`},
	{"orders in files that are not there", `SELECT 'event ' || d.id FROM deliveries d WHERE d.file > 0 AND d.status IN (2, 5) AND NOT EXISTS (SELECT 1 FROM files f WHERE f.id = d.file) LIMIT 10`},
	{"events that no person has", `SELECT 'event ' || d.id FROM deliveries d WHERE d.id <= (SELECT events_applied FROM store)
		AND NOT EXISTS (SELECT 1 FROM events_by_person e WHERE e.profile_id = d.profile_id AND e.delivery_id = d.id) LIMIT 10`},
	{"people's events that are not there", `SELECT 'event ' || e.delivery_id FROM events_by_person e
		WHERE NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.id = e.delivery_id AND d.profile_id = e.profile_id) LIMIT 10`},
	{"people absorbed into nobody", `SELECT 'profile ' || a.id FROM profiles a LEFT JOIN profiles u ON u.id = a.absorbed_into WHERE a.absorbed_into IS NOT NULL AND u.id IS NULL LIMIT 10`},
	{"people who are newcomers and are not", `SELECT 'profile ' || n.id FROM newcomers n JOIN profiles p ON p.id = n.id LIMIT 10`},
	{"values of absorbed people", `SELECT 'trait ' || v.trait_id || ' profile ' || v.profile_id FROM trait_rows v JOIN profiles p ON p.id = v.profile_id WHERE p.absorbed_into IS NOT NULL LIMIT 10`},
	{"orders taken back that contradict their status", `SELECT order_id || ' is ' || status FROM order_changes
		WHERE status IN (2, 5) AND (doubt = 0 OR sent IS NULL OR action_id IS NULL)
			OR status IN (3, 5) AND next_attempt_at IS NULL
			OR status = 1 AND passed IS NOT wanted
			OR status = 4 AND (class IS NULL OR reason IS NULL)
			OR status = 3 AND class = 'shown' AND told IS NOT sent
			OR status NOT IN (0, 1, 2, 3, 4, 5, 6) LIMIT 10`},
	{"refunds without an order", `SELECT r.key FROM refunds r WHERE NOT EXISTS (SELECT 1 FROM order_changes c WHERE c.order_id = r.order_id) LIMIT 10`},
	{"counters of traits", `SELECT coalesce(t.key, 'trait ' || d.scope) || ' ' || d.name || ': counted ' || d.counted || ', is ' || d.real FROM (
			SELECT scope, name, sum(counted) AS counted, sum(real) AS real FROM (
				SELECT scope, name, value AS counted, 0 AS real FROM counters WHERE scope > 0 AND name NOT IN ('away', 'away_all')
				UNION ALL SELECT scope, name, 0, value FROM (` + countedValues(``) + `)
				UNION ALL SELECT scope, name, 0, value FROM (` + countedAway + `)
			) GROUP BY 1, 2 HAVING sum(counted) <> sum(real)
		) d LEFT JOIN traits t ON t.id = d.scope LIMIT 10`},
	{"what the guard holds", `SELECT class || ' of trait ' || trait_id || ' profile ' || profile_id FROM trait_due
		WHERE class IN (` + guardClasses + `) AND (status <> 6 OR class = 'exits' AND is_exit = 0 OR class = 'joins' AND is_exit = 1) LIMIT 10`},
	{"counters of events", `SELECT CASE scope WHEN 0 THEN 'page loads ' WHEN -1 THEN 'conversions ' ELSE scope || ' ' END || name || ': counted ' || sum(counted) || ', is ' || sum(real) FROM (
			SELECT scope, name, value AS counted, 0 AS real FROM counters WHERE scope <= 0
			UNION ALL SELECT CASE d.kind WHEN 'conversion' THEN -1 ELSE 0 END, s.name, 0, d.n FROM (SELECT kind, status, count(*) AS n FROM deliveries WHERE status > 0 GROUP BY 1, 2) d
				JOIN (` + statusRows + `) s ON s.status = d.status
		) WHERE name <> 'settled' GROUP BY scope, name HAVING sum(counted) <> sum(real) LIMIT 10`}, // what was delivered long ago is forgotten
	{"counters of verdicts", `SELECT verdict || ': counted ' || sum(counted) || ', is ' || sum(real) FROM (
			SELECT verdict, orders AS counted, 0 AS real FROM reconciliation_counts UNION ALL SELECT verdict, 0, count(*) FROM reconciliations GROUP BY verdict
		) GROUP BY verdict HAVING sum(counted) <> sum(real) LIMIT 10`},
	{"orders without a verdict", `SELECT 'order ' || d.order_id FROM deliveries d, (SELECT max(judged_at) AS at FROM reconcile_reads) j
		WHERE d.order_id IS NOT NULL AND d.event_type IS NOT NULL AND d.created_at < j.at AND NOT EXISTS (SELECT 1 FROM reconciliations r WHERE r.order_id = d.order_id AND r.event_type = d.event_type)
		UNION ALL SELECT 'order ' || a.order_id FROM actions a, (SELECT max(judged_at) AS at FROM reconcile_reads) j
		WHERE a.order_id IS NOT NULL AND a.seen_at < j.at AND NOT EXISTS (SELECT 1 FROM reconciliations r WHERE r.order_id = a.order_id AND r.event_type = a.event_type) LIMIT 10`},
	{"verdicts that contradict the actions", `SELECT 'order ' || order_id || ' is ' || verdict || ' with ' || live_actions || ' of ' || actions || ' actions' FROM reconciliations
		WHERE (verdict IN ('matched', 'differs') AND live_actions <> 1 OR verdict = 'double' AND live_actions < 2 OR verdict IN ('no_action', 'waiting', 'refused') AND live_actions > 0
			OR verdict IN ('reversed', 'reversed_elsewhere') AND live_actions > 0 OR verdict = 'reversed_elsewhere' AND actions = 0 OR verdict = 'refund_owed' AND live_actions <> 1 OR verdict = 'not_ours' AND ours) LIMIT 10`},
}

// guardClasses are the classes by which the guard holds a row.
const guardClasses = `'exits', 'joins', 'computation', 'suppressions', 'segment'`

// heal makes due what would wait for ever: values and events without the time of
// their retry, and refused values without their reason, as earlier versions left
// them after a resync. Its cost grows with what failed.
func (d *DB) heal(ctx context.Context) error {
	var torn bool
	err := d.view(ctx, func(v *view) error {
		return v.Scan(`SELECT EXISTS (SELECT 1 FROM trait_due v WHERE `+tornValues+`) OR EXISTS (SELECT 1`+tornEvents+`)`, nil, &torn)
	})
	if err != nil || !torn {
		return err
	}
	return d.update(ctx, func(t *tx) error {
		rows, err := t.dueWhere(tornValues)
		if err != nil {
			return err
		}
		return errors.Join(t.putMoved(rows), t.mendEvents(), t.holdSuppressed())
	})
}
