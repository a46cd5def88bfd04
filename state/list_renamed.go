package state

import (
	"context"
	"slices"
	"strings"
)

// Bounds of the search for a list under its old key: how many people of each are
// compared, and how many lists. Numbers are hashes, so the lowest are as good as any.
const (
	renamedSample = 1000
	renamedLists  = 20
)

// renamedFrom returns the key that a list probably had before: that of an audience
// whose list has no file any more, if most people of each are in the other. It is asked
// of a trait's first list, and of later ones while joins of the trait are held: they are
// no more believable for coming again.
func (t *tx) renamedFrom(tr *trait) (string, error) {
	if tr.class != Audience {
		return "", nil
	}
	if tr.listedAt != 0 {
		var held bool
		_, err := t.Get(`SELECT EXISTS (SELECT 1 FROM trait_due WHERE status = 6 AND is_exit = 0 AND trait_id = ?)`, []any{tr.id}, &held)
		if err != nil || !held {
			return "", err
		}
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

// TakeBackMoved takes back the held joins of traits whose list's files are, by the
// configuration, lists of other traits now: nobody was told of these joins, and nothing
// else would ever decide on them. Files are the names of those that each source has.
// It returns how many it took back, by key.
func (d *DB) TakeBackMoved(ctx context.Context, files map[string][]string) (byKey map[string]int64, err error) {
	byKey = map[string]int64{}
	return byKey, d.update(ctx, func(t *tx) error {
		type list struct {
			gen                  int64
			key, source, objects string
		}
		gone, err := collect(t, `SELECT g.id, t.key, g.source, g.objects FROM traits t JOIN generations g ON g.id = t.generation
			WHERE t.list_gone_at IS NOT NULL AND EXISTS (SELECT 1 FROM counters c WHERE c.scope = t.id AND c.name = 'held' AND c.value > 0)`, nil,
			func(l *list) []any { return []any{&l.gen, &l.key, &l.source, &l.objects} })
		for _, l := range gone {
			there := func(name string) bool { return slices.Contains(files[l.source], name) }
			if names := strings.Split(l.objects, "\n"); err == nil && !slices.ContainsFunc(names, func(name string) bool { return !there(name) }) {
				byKey[l.key], err = t.takeBackJoins(l.key, l.gen)
			}
		}
		return err
	})
}

func (t *tx) takeBackJoins(key string, gen int64) (int64, error) {
	tr, err := t.traitByKey(key)
	if err != nil {
		return 0, err
	}
	w := wanting{tx: t, trait: tr, at: t.now, gen: gen}
	people, err := collect(t, `SELECT id FROM (`+heldBefore+`)`, []any{tr.id, Joins, 0}, itself[int64])
	for _, id := range people {
		if err == nil {
			err = w.exit(id, statusPending)
		}
	}
	return int64(len(people)), err
}
