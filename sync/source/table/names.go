package table

import (
	"iter"
	"slices"
	"strings"
)

// Kind says what a column holds.
type Kind int

// The kinds of ids.
const (
	None Kind = iota
	UserID
	AnonymousID
	Email
	Kinds // how many there are
)

var kinds = map[string]Kind{"userid": UserID, "anonymousid": AnonymousID, "email": Email, "emailaddress": Email}

// Fold returns a column's name in the form in which names are compared: "User ID",
// userId, user-id and USER_ID are the same.
func Fold(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case strings.ContainsRune(" \t_-\"'`\u00a0\ufeff", r):
			return -1
		case r >= 'A' && r <= 'Z':
			return r | 0x20
		}
		return r
	}, name)
}

// KindOf returns the kind of ids that a column holds, according to its name. Several
// columns of one kind may be numbered.
func KindOf(name string) Kind { return kinds[strings.TrimRight(Fold(name), "0123456789")] }

// Columns names columns of ids whose names are not the usual ones, such as
// customer_id. The usual names apply where a field is empty.
type Columns struct{ UserID, AnonymousID, Email string }

// KindOf is [KindOf] with these names. A kind that is named here has no usual names.
func (c Columns) KindOf(name string) Kind {
	all := [Kinds]string{UserID: c.UserID, AnonymousID: c.AnonymousID, Email: c.Email}
	for kind, own := range all {
		if own != "" && Fold(own) == Fold(name) {
			return Kind(kind)
		}
	}
	if kind := KindOf(name); all[kind] == "" {
		return kind
	}
	return None
}

// IDs has the positions of the columns of each kind of ids; there are none of [None].
type IDs [Kinds][]int

// Find finds the columns of ids. A column "id" holds user ids if no other column
// looks like a column of ids.
func (c Columns) Find(names []string) (ids IDs) {
	alone, others := -1, false
	for i, name := range names {
		if kind := c.KindOf(name); kind != None {
			ids[kind] = append(ids[kind], i)
		} else if fold := Fold(name); fold == "id" && alone < 0 {
			alone = i
		} else if strings.HasSuffix(fold, "id") || strings.HasSuffix(fold, "ids") {
			others = true
		}
	}
	if alone >= 0 && !others && len(ids.Columns()) == 0 && c == (Columns{}) {
		ids[UserID] = []int{alone}
	}
	return ids
}

// All returns the columns of ids, each with its kind.
func (ids IDs) All() iter.Seq2[Kind, int] {
	return func(yield func(Kind, int) bool) {
		for kind, columns := range ids {
			for _, column := range columns {
				if !yield(Kind(kind), column) {
					return
				}
			}
		}
	}
}

// Columns returns all the columns of ids.
func (ids IDs) Columns() []int { return slices.Concat(ids[:]...) }
