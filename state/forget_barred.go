package state

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"maps"
)

// ErrHashKey says that the file was not opened with the hash key by which its state
// keeps forgotten people out. Going on would store them again.
var ErrHashKey = errors.New("the hash key does not fit the state")

// barred holds the hashes of the ids that must not be stored. It is never changed,
// only replaced.
type barred struct {
	key []byte
	ids map[[16]byte]bool
}

// hashID returns the keyed hash of an id. The kind of id is not part of it: the id of
// a forgotten user must not come back as a visitor's either.
func hashID(key []byte, id string) (h [16]byte) {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(id))
	copy(h[:], m.Sum(nil))
	return h
}

func (b *barred) has(id string) bool { return id != "" && b.ids[hashID(b.key, id)] }

// filter reports whether a person is barred by the id that is their key. It removes
// other barred ids from the person and reports that as stripped.
func (b *barred) filter(p *Person) (out, stripped bool) {
	if b == nil || len(b.ids) == 0 {
		return false, false
	}
	if _, key := p.kindAndKey(); b.has(key) {
		return true, false
	}
	for _, rider := range []*string{&p.AnonymousID, &p.EmailSHA1} {
		if b.has(*rider) {
			*rider, stripped = "", true
		}
	}
	return false, stripped
}

// bar keeps ids out from now on. Each comes with the id that its person was named by.
func (t *tx) bar(ids map[string]string) error {
	key := t.d.hashKey
	if len(key) == 0 || len(ids) == 0 {
		return nil
	}
	ids = maps.Clone(ids)
	ids[""] = "" // by the hash of nothing, checkHashKey recognises the key
	for id, name := range ids {
		hash, person := hashID(key, id), hashID(key, name)
		if _, err := t.Exec(`INSERT INTO forgotten (hash, person, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, hash[:], person[:], t.now); err != nil {
			return err
		}
	}
	return t.loadBarred()
}

// loadBarred reads who is barred. Each id takes 40 bytes of memory.
func (t *tx) loadBarred() error {
	if len(t.d.hashKey) == 0 {
		return nil
	}
	b := &barred{key: t.d.hashKey, ids: map[[16]byte]bool{}}
	err := t.Each(`SELECT hash FROM forgotten`, nil, func(rows *sql.Rows) error {
		var h sql.RawBytes
		if err := rows.Scan(&h); err != nil {
			return err
		}
		if len(h) != 16 {
			return fmt.Errorf("%w: a hash of the forgotten is of length %d, want 16", ErrUnusable, len(h))
		}
		b.ids[[16]byte(h)] = true
		return nil
	})
	if old := t.d.barred.Load(); err == nil && (old == nil || !maps.Equal(old.ids, b.ids)) {
		t.d.barred.Store(b)
	}
	return err
}

// checkHashKey returns [ErrHashKey] if the file was opened without the key that keeps
// people out.
func (t *tx) checkHashKey() error {
	var barring, same bool
	own := hashID(t.d.hashKey, "")
	if _, err := t.Get(`SELECT count(*) > 0, coalesce(sum(hash = ?), 0) > 0 FROM forgotten`, []any{own[:]}, &barring, &same); err != nil {
		return err
	}
	switch {
	case !barring || same && len(t.d.hashKey) > 0:
		return nil
	case len(t.d.hashKey) == 0:
		return fmt.Errorf("%w: the state keeps forgotten people out, and no hash key is configured", ErrHashKey)
	}
	return fmt.Errorf("%w: the state keeps forgotten people out with a hash key that is not the configured one", ErrHashKey)
}

// Readmit allows a forgotten person, named by any of their ids, to be stored again.
// It returns how many ids are allowed. What was removed does not come back.
func (d *DB) Readmit(ctx context.Context, id string) (n int64, err error) {
	return n, d.update(ctx, func(t *tx) error {
		if err := t.checkHashKey(); err != nil {
			return err
		}
		hash := hashID(d.hashKey, id)
		n, err = t.Exec(`DELETE FROM forgotten WHERE person IN (SELECT person FROM forgotten WHERE hash = ?)`, hash[:])
		if err != nil {
			return err
		}
		if n == 0 || id == "" {
			return fmt.Errorf("%w: nobody with this id is kept out", ErrNotFound)
		}
		return t.loadBarred()
	})
}

// refreshed drops the caches if another process has written to the file.
func (t *tx) refreshed() error {
	var version int64
	if _, err := t.Get(`PRAGMA data_version`, nil, &version); err != nil {
		return err
	}
	if version == t.d.version {
		return nil
	}
	t.d.version = version
	t.d.forgetCaches()
	if t.d.barred.Load() == nil && len(t.d.hashKey) == 0 {
		return nil
	}
	return t.loadBarred()
}

// KeepsOut reports whether forgotten people are kept out of this file.
func (d *DB) KeepsOut() bool { return len(d.hashKey) > 0 }
