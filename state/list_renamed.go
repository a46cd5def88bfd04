package state

// Bounds of the search for a list under its old key: how many people of each are
// compared, and how many lists. Numbers are hashes, so the lowest are as good as any.
const (
	renamedSample = 1000
	renamedLists  = 20
)

// renamedFrom returns the key that a trait's first list probably had before: that of an
// audience whose list has no file any more, if most people of each are in the other.
func (t *tx) renamedFrom(tr *trait) (string, error) {
	if tr.class != Audience || tr.listedAt != 0 {
		return "", nil
	}
	gone, err := collect(t, `SELECT id, key FROM traits WHERE list_gone_at IS NOT NULL AND class = 'audience' AND id <> ? ORDER BY list_gone_at DESC, id LIMIT ?`,
		[]any{tr.id, renamedLists}, func(g *trait) []any { return []any{&g.id, &g.key} })
	for i := range gone {
		var same bool
		if same, err = t.muchTheSame(tr.id, gone[i].id); err != nil || same {
			return gone[i].key, err
		}
	}
	return "", err
}

// muchTheSame reports whether most people of a new list are members of an old trait,
// and the other way round. The new ones are all due, and the old ones settled.
func (t *tx) muchTheSame(fresh, old int64) (same bool, err error) {
	const share = `SELECT count(*) > 0 AND 2 * coalesce(sum(there), 0) > count(*) FROM (SELECT EXISTS (SELECT 1 FROM `
	_, err = t.Get(`SELECT (`+share+`trait_values o WHERE o.trait_id = ?2 AND o.profile_id = s.profile_id AND o.wanted = 1) AS there
			FROM (SELECT profile_id FROM trait_due WHERE trait_id = ?1 AND wanted = 1 ORDER BY profile_id LIMIT ?3) s))
		AND (`+share+`trait_due o WHERE o.trait_id = ?1 AND o.profile_id = s.profile_id AND o.wanted = 1) AS there
			FROM (SELECT profile_id FROM trait_values WHERE trait_id = ?2 AND wanted = 1 ORDER BY profile_id LIMIT ?3) s))`,
		[]any{fresh, old, renamedSample}, &same)
	return same, err
}
