package state

import (
	"context"
	"errors"
	"maps"
	"slices"
)

// Refusal is the direction of what is held because of what Segment says of its trait.
// The guard does not judge it.
const Refusal Direction = "segment"

// ReleaseTraits makes what was held because of Segment due again, but of the traits that
// are still refused. Call it in each run before lists are applied.
func (d *DB) ReleaseTraits(ctx context.Context, refused map[string]string) error {
	var any bool
	err := d.view(ctx, func(v *view) error {
		return v.Scan(`SELECT EXISTS (SELECT 1 FROM trait_due WHERE status = 6 AND class = 'segment')`, nil, &any)
	})
	if err != nil || !any {
		return err
	}
	return d.update(ctx, func(t *tx) error {
		_, err := t.releaseValues(`v.status = 6 AND v.class = 'segment' AND v.trait_id NOT IN (SELECT id FROM traits WHERE key IN (SELECT value FROM json_each(?)))`, jsonList(slices.Sorted(maps.Keys(refused))))
		return err
	})
}

// HoldTraits holds everything that is due of traits that are refused, with the reasons,
// and records which those are. Call it in each run when everything was judged. It returns
// how much is held of each.
func (d *DB) HoldTraits(ctx context.Context, refused map[string]string) (held map[string]int64, err error) {
	any := len(refused) > 0
	if !any {
		err = d.view(ctx, func(v *view) error { return v.Scan(`SELECT EXISTS (SELECT 1 FROM segment_refused)`, nil, &any) })
	}
	if err != nil || !any {
		return nil, err
	}
	return held, d.update(ctx, func(t *tx) error {
		_, err := t.Exec(`DELETE FROM segment_refused WHERE key NOT IN (SELECT value FROM json_each(?))`, jsonList(slices.Sorted(maps.Keys(refused))))
		for _, key := range slices.Sorted(maps.Keys(refused)) {
			if err == nil {
				err = t.holdTrait(key, refused[key])
			}
		}
		if err != nil {
			return err
		}
		held, err = pairs[int64](t, `SELECT t.key, count(*) FROM trait_due v JOIN traits t ON t.id = v.trait_id WHERE v.status = 6 AND v.class = 'segment' GROUP BY 1`)
		return err
	})
}

func (t *tx) holdTrait(key, reason string) error {
	_, err := t.Exec(`INSERT INTO segment_refused (key, reason, since) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET reason = ?2`, key, reason, t.now)
	tr := t.d.traits[key]
	if err != nil || tr == nil {
		return err
	}
	_, again := t.Exec(`UPDATE trait_due SET last_error = ?1 WHERE status = 6 AND class = 'segment' AND +trait_id = ?2 AND last_error <> ?1`, reason, tr.id)
	return errors.Join(again, t.holdValues(Refusal, reason, `v.status IN (1, 3, 5) AND v.trait_id = ?1`, tr.id))
}
