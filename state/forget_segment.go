package state

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
)

// idHash stands for the id of a suppressed person: nothing else is kept of them.
type idHash [16]byte

func hashOfID(id string) (h idHash) {
	sum := sha256.Sum256([]byte(id))
	copy(h[:], sum[:])
	return h
}

// SuppressedIDs are the hashes of ids that Segment suppresses, 16 bytes each.
type SuppressedIDs map[idHash]bool

// Add adds the id of a person: a user id, or the SHA-1 of an address.
func (s SuppressedIDs) Add(id string) { s[hashOfID(id)] = true }

// StoreSuppressed replaces whom Segment suppresses. It writes only what is different.
func (d *DB) StoreSuppressed(ctx context.Context, ids SuppressedIDs) error {
	return d.update(ctx, func(t *tx) error {
		known, err := suppressedIn(t)
		if err != nil {
			return err
		}
		for id := range known {
			if !ids[id] {
				if _, err := t.Exec(`DELETE FROM segment_suppressed WHERE hash = ?`, id[:]); err != nil {
					return err
				}
			}
		}
		for id := range ids {
			if !known[id] {
				if _, err := t.Exec(`INSERT INTO segment_suppressed (hash) VALUES (?)`, id[:]); err != nil {
					return err
				}
			}
		}
		return t.noteCatalogue(ReadSuppressions, "")
	})
}

func suppressedIn(r reading) (SuppressedIDs, error) {
	all := SuppressedIDs{}
	return all, r.Each(`SELECT hash FROM segment_suppressed`, nil, func(rows *sql.Rows) error {
		var hash sql.RawBytes
		err := rows.Scan(&hash)
		var id idHash
		if copy(id[:], hash) != len(id) {
			err = errors.Join(err, errors.New("a hash in segment_suppressed has another length"))
		}
		all[id] = true
		return err
	})
}

// Suppressed returns the people in the state whom Segment suppressed by its last answer.
// It reads all profiles, and the content of all events that are due.
func (d *DB) Suppressed(ctx context.Context) ([]Person, error) {
	return read(ctx, d, func(v *view) ([]Person, error) {
		ids, err := suppressedIn(v)
		if err != nil || len(ids) == 0 {
			return nil, err
		}
		var people []Person
		return people, v.Each(`SELECT coalesce(user_id, ''), coalesce(email_sha1, '') FROM people WHERE user_id IS NOT NULL OR anonymous_id IS NULL
			UNION SELECT payload ->> '$.userId', '' FROM deliveries WHERE status > 0 AND payload ->> '$.userId' IS NOT NULL`, nil, func(rows *sql.Rows) error {
			var p Person
			err := rows.Scan(&p.UserID, &p.EmailSHA1)
			if p.UserID != "" {
				p.EmailSHA1 = ""
			}
			if ids[hashOfID(p.UserID+p.EmailSHA1)] {
				people = append(people, p)
			}
			return err
		})
	})
}
