package state

import (
	"errors"
	"fmt"
)

// TraitInfo describes a trait as an input names it.
type TraitInfo struct {
	Key           string
	Name          string
	Class         Class
	SpaceID       string
	ComputationID string
	Authority     Authority // from the configuration; "" if it says nothing
}

// ErrTooManyTraits says that a trait key is one too many. Nobody has that many
// traits: something else must be in the place of the key.
var ErrTooManyTraits = errors.New("too many trait keys")

const mostTraits = 10_000

// room returns an error if one more trait key would be too many. Keys that come as
// lists and keys that come as messages are counted apart, since anybody can send
// messages with new keys, which must not take a list's place. Keys that no input
// feeds any more do not count.
func (t *tx) room(key string, list bool) error {
	if len(t.d.traits) < mostTraits {
		return nil
	}
	if t.d.used == nil {
		t.d.used = map[bool]int{}
		for _, tr := range t.d.traits {
			t.d.used[tr.listSource != ""] += int(one(t.d.feeds == nil || tr.fed(t.d.feeds)))
		}
	}
	switch {
	case t.d.used[list] < mostTraits:
		return nil
	case list:
		return fmt.Errorf("%w: there are %d of lists, and %q would be one more; take some lists away", ErrTooManyTraits, mostTraits, key)
	}
	return fmt.Errorf("%w: there are %d, and %q would be one more; narrow traits.include", ErrTooManyTraits, mostTraits, key)
}

// fed reports whether one of the inputs that fed a trait still does, by today's
// configuration.
func (tr *trait) fed(by func(source, key string) bool) bool {
	if tr.listSource == "" && tr.changesSource == "" {
		return true
	}
	return tr.listSource != "" && by(tr.listSource, tr.key) || tr.changesSource != "" && by(tr.changesSource, tr.key)
}

// trait returns the trait that a list or a message names, new or not.
func (t *tx) trait(info TraitInfo, list bool) (*trait, error) {
	tr, ok := t.d.traits[info.Key]
	if !ok {
		if err := t.room(info.Key, list); err != nil {
			return nil, err
		}
		id, err := t.Insert(`INSERT INTO traits (key, name, class, authority, created_at) VALUES (?, ?, ?, ?, ?)`,
			info.Key, info.Name, info.Class, info.Authority, t.now)
		if err != nil {
			return nil, err
		}
		tr = &trait{id: id, key: info.Key, class: info.Class, authority: info.Authority, computations: map[computation]bool{}}
		t.d.traits[info.Key] = tr
		t.d.byID[tr.id] = tr
		if t.d.used != nil {
			t.d.used[list]++
		}
		return tr, nil
	}
	if tr.class != info.Class {
		return nil, fmt.Errorf("%w: %q is known as %s, and this says %s: give one of them another key", errOtherClass, info.Key, tr.class, info.Class)
	}
	if tr.authority != info.Authority {
		tr.authority = info.Authority
		if _, err := t.Exec(`UPDATE traits SET authority = ? WHERE id = ?`, info.Authority, tr.id); err != nil {
			return nil, err
		}
	}
	return tr, nil
}

// feed stores that a list or the messages of a source feed a trait. It returns an
// error if two feed it and nothing says which of them counts.
func (t *tx) feed(tr *trait, source string, list bool) error {
	have, other, column := &tr.changesSource, tr.listSource, "changes_source"
	if list {
		have, other, column = &tr.listSource, tr.changesSource, "list_source"
	}
	if other != "" && tr.authority == "" {
		return fmt.Errorf("%w: %q comes as full lists and as messages (sources %q and %q); set authority: list, changes or latest for it", ErrAuthority, tr.key, source, other)
	}
	if tr.elsewhere && !list && tr.authority != AuthorityList {
		tr.changesSource = source // for the words; the transaction is rolled back
		return t.twoFeeds(tr)
	}
	if *have == source {
		return nil
	}
	*have = source
	_, err := t.Exec(`UPDATE traits SET `+column+` = ? WHERE id = ?`, source, tr.id)
	return err
}

// knows reports whether changes of a computation are judged as usual. A trait's first
// computation is known; another one has to be approved.
func (t *tx) knows(tr *trait, info *TraitInfo) (bool, error) {
	c := computation{info.SpaceID, info.ComputationID}
	if approved, seen := tr.computations[c]; seen || c == (computation{}) {
		return approved || c == (computation{}), nil
	}
	first := true
	for other, approved := range tr.computations {
		if approved && c.fits(other) {
			tr.computations[c] = true
			return true, nil
		}
		first = first && !approved
	}
	tr.computations[c] = first
	var approvedAt any
	if first {
		approvedAt = t.now
		if _, err := t.Exec(`UPDATE traits SET space_id = ?, computation_id = ? WHERE id = ?`, c.space, c.id, tr.id); err != nil {
			return false, err
		}
	}
	_, err := t.Exec(`INSERT INTO computations (trait_id, space_id, computation_id, seen_at, approved_at) VALUES (?, ?, ?, ?, ?)`, tr.id, c.space, c.id, t.now, approvedAt)
	return first, err
}
