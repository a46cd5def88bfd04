package state

// The statements that write deliveries which are in files.

// claimable selects conversions that may go into a file.
const claimable = `d.kind = 'conversion' AND d.status = 1 AND d.status > 0 AND d.has_click = ?1 AND d.file IS NULL AND d.event_at >= ?2`

// claimForFile claims due orders for a file. Nothing of them is sent before this is
// committed.
func (t *tx) claimForFile(file int64, c FileClaim) (claimed int64, err error) {
	oldest := int64(0)
	if c.MaxAge > 0 {
		oldest = t.now - int64(c.MaxAge)
	}
	which, err := t.readyForFile()
	if err == nil && !c.Last { // else the API takes these anyway
		err = t.leaveOldToAPI(oldest)
	}
	if err != nil {
		return 0, err
	}
	clicks, order := []bool{true, false}, `ORDER BY d.event_at, d.id`
	if c.Last {
		clicks, order = []bool{false, true}, `ORDER BY d.event_at DESC, d.id DESC`
	}
	for _, click := range clicks {
		n, err := t.Exec(`UPDATE deliveries SET status = 2, doubt = 1, attempt = ?5, attempts = attempts + 1, file = ?6 WHERE id IN (`+which+order+` LIMIT ?3) AND ?4 IS NOT NULL`,
			click, oldest, int64(c.Most)-claimed, t.now-int64(c.AttributionWait), t.d.seq, file)
		if err != nil {
			return 0, err
		}
		claimed += n
	}
	t.countStatus(scopeConversions, statusPending, statusInFlight, claimed)
	return claimed, nil
}

// leaveOldToAPI leaves orders to the API that are too old for a file.
func (t *tx) leaveOldToAPI(oldest int64) error {
	for _, click := range []bool{true, false} {
		n, err := t.Exec(`UPDATE deliveries SET file = 0 WHERE kind = 'conversion' AND status = 1 AND status > 0 AND has_click = ? AND event_at < ? AND file IS NULL`, click, oldest)
		if err != nil {
			return err
		}
		t.countRun("unfit_for_file", n)
	}
	return nil
}

// readyForFile selects claimable conversions that need not wait for page loads. Where
// none is open, nobody has to be asked about their own, which takes 20 us each.
func (t *tx) readyForFile() (query string, err error) {
	var open bool
	_, err = t.Get(`SELECT EXISTS (SELECT 1 FROM counters WHERE scope = ? AND name IN ('pending', 'in_flight', 'retry_later', 'unknown') AND value > 0)`, []any{scopePageLoads}, &open)
	if !open {
		return `SELECT d.id FROM deliveries d WHERE ` + claimable + ` `, err
	}
	return `SELECT d.id FROM deliveries d ` + joinOwner + ` WHERE ` + claimable + ` AND NOT (` + waits + `) `, err
}

// wasBefore undoes the claim of an order for a file. An order that was tried before is
// in doubt: by now nobody knows how that ended.
const wasBefore = `doubt = attempts > 1, attempts = attempts - 1`

// takeOutOfFile makes the orders of a file due again that certainly never left.
func (t *tx) takeOutOfFile(file int64) error {
	_, err := t.moveEvents(statusPending, `file = ?1 AND status = 2`, []any{file}, wasBefore+`, file = NULL`)
	return err
}

// releaseFromFile leaves orders to the API, since no file can hold them.
func (t *tx) releaseFromFile(ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	n, err := t.moveEvents(statusPending, `id IN (SELECT value FROM json_each(?1)) AND status = 2`, []any{asJSON(ids)}, wasBefore+`, file = 0`)
	t.countRun("unfit_for_file", n)
	return err
}

// moveToFile moves claimed orders to another file of the same attempt.
func (t *tx) moveToFile(file int64, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := t.Exec(`UPDATE deliveries SET file = ? WHERE id IN (SELECT value FROM json_each(?))`, file, asJSON(ids))
	return err
}

// refuseInFile refuses a claimed order by our own rules.
func (t *tx) refuseInFile(l *LeftOut) error {
	_, err := t.moveEvents(statusRefused, `id = ?1 AND status = 2`, []any{l.Delivery},
		`doubt = attempts > 1, file = NULL, last_error = ?, class = ?, refused_at = ?, fingerprint = ?`, l.Error, null(l.Class), t.now, null(l.Fingerprint))
	return err
}

// openIn selects the orders of a file that are not settled.
const openIn = `file = ?1 AND status IN (2, 5)`

// loseFile makes the orders of a file unknown, for somebody to decide on.
func (t *tx) loseFile(file int64, why string) (int64, error) {
	return t.moveEvents(statusUnknown, `file = ?1 AND status = 2`, []any{file}, `next_attempt_at = NULL, last_error = ?`, why)
}

// retryFile makes the orders of a file due again, although impact.com may have them.
func (t *tx) retryFile(file int64) (int64, error) {
	return t.moveEvents(statusPending, openIn, []any{file}, `file = NULL, last_error = NULL, next_attempt_at = NULL`)
}

// worstOf selects of each open order of a file what impact.com said of it: an error that
// names an event type of ours is about that one alone. The signs keep SQLite from
// reading all of the file's orders for each error.
const worstOf = `SELECT d.id AS id, max(e.severity) AS severity, e.verdict AS verdict, e.error_type AS error_type,
		group_concat(DISTINCT e.reasons) AS reasons,
		group_concat(DISTINCT CASE WHEN e.sku <> '' THEN e.sku || ': ' ELSE '' END || coalesce(nullif(e.reasons, ''), e.error_type, 'an error without a reason')) AS told,
		count(DISTINCT e.sku) AS skus, min(e.sku) = '' AS whole, json_array_length(d.payload, '$.properties.products') AS items
	FROM file_errors e CROSS JOIN deliveries d ON d.order_id = e.order_id
	WHERE e.file_id = ?1 AND +d.file = ?1 AND +d.status IN (2, 5) AND (e.event_type IN ('', d.event_type)
		OR NOT EXISTS (SELECT 1 FROM deliveries o WHERE o.order_id = d.order_id AND o.event_type = e.event_type))
	GROUP BY d.id`

// partly is true if impact.com took other items of an order that has faults.
const partly = `w.whole = 0 AND w.skus < coalesce(w.items, 1)`

// refuseFaults refuses the orders of a file that impact.com did not take. An order of
// which it took some items stays in doubt, so that only somebody's word sends it again.
func (t *tx) refuseFaults(file int64, worst int, fingerprint string) (int64, error) {
	all, err := t.tally(`WITH w AS (`+worstOf+`) SELECT -1, status, count(*) FROM deliveries WHERE id IN (SELECT id FROM w WHERE severity >= ?2) GROUP BY 2`, []any{file, worst})
	if err != nil || len(all) == 0 {
		return 0, err
	}
	n := t.countMoves(all, statusRefused)
	_, err = t.Exec(`WITH w AS MATERIALIZED (`+worstOf+`)
		UPDATE deliveries AS d SET status = 4, attempt = NULL, next_attempt_at = NULL, class = 'other', refused_at = ?3, fingerprint = ?4, doubt = `+partly+`,
			last_error = 'impact.com: ' || w.told || CASE WHEN `+partly+` THEN ' (the other items were taken)' ELSE '' END
		FROM w WHERE d.id = w.id AND w.severity >= ?2`, file, worst, t.now, fingerprint)
	return n, err
}

// closeFromFile settles some open orders of a file, those up to an id, and keeps what
// impact.com said of them.
func (t *tx) closeFromFile(file, upTo int64, completed any) (int64, error) {
	_, err := t.Exec(`WITH w AS MATERIALIZED (`+worstOf+`)
		INSERT INTO verdicts (delivery_id, looks, looked_at, status, completed_at, error_type, reasons, verdict)
		SELECT d.id, 1, ?3, 'Complete', ?4, w.error_type, w.reasons, coalesce(w.verdict, 'counted') FROM deliveries d LEFT JOIN w ON w.id = d.id
		WHERE d.file = ?1 AND d.status IN (2, 5) AND d.id <= ?2
		ON CONFLICT (delivery_id) DO UPDATE SET looks = looks + 1, looked_at = excluded.looked_at, status = excluded.status, completed_at = excluded.completed_at,
			error_type = excluded.error_type, reasons = excluded.reasons, verdict = excluded.verdict`, file, upTo, t.now, completed)
	if err != nil {
		return 0, err
	}
	return t.moveEvents(statusSettled, openIn+` AND id <= ?2`, []any{file, upTo},
		`payload = NULL, next_attempt_at = NULL, last_error = NULL, doubt = 0, delivered_at = ?, outcome = 'delivered'`, t.now)
}
