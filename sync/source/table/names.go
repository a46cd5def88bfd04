package table

import "strings"

// Kind says what a column holds.
type Kind int

// The kinds of ids.
const (
	None Kind = iota
	UserID
	AnonymousID
	Email
)

// Fold returns a column's name in the form in which names are compared: "User ID",
// userId, user-id and USER_ID are one.
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

// KindOf tells a column of ids by its name; several of one kind may be numbered.
func KindOf(name string) Kind {
	switch strings.TrimRight(Fold(name), "0123456789") {
	case "userid":
		return UserID
	case "anonymousid":
		return AnonymousID
	case "email", "emailaddress":
		return Email
	}
	return None
}

// Columns names the columns of ids that have other names than the usual ones:
// customer_id. An empty name is a usual one.
type Columns struct{ UserID, AnonymousID, Email string }

// KindOf is [KindOf] with these names. A kind that has a name has no other.
func (c Columns) KindOf(name string) Kind {
	for _, own := range [...]struct {
		name string
		kind Kind
	}{{c.UserID, UserID}, {c.AnonymousID, AnonymousID}, {c.Email, Email}} {
		if own.name != "" && Fold(own.name) == Fold(name) {
			return own.kind
		}
	}
	kind := KindOf(name)
	if kind == UserID && c.UserID != "" || kind == AnonymousID && c.AnonymousID != "" || kind == Email && c.Email != "" {
		return None
	}
	return kind
}

// IDs says where the columns of ids are.
type IDs struct{ Users, Anons, Emails []int }

// Find finds the columns of ids. A column "id" holds user ids where no other
// column looks like one of ids.
func (c Columns) Find(names []string) (ids IDs) {
	alone, others := -1, false
	for i, name := range names {
		switch c.KindOf(name) {
		case UserID:
			ids.Users = append(ids.Users, i)
		case AnonymousID:
			ids.Anons = append(ids.Anons, i)
		case Email:
			ids.Emails = append(ids.Emails, i)
		default:
			if fold := Fold(name); fold == "id" && alone < 0 {
				alone = i
			} else if strings.HasSuffix(fold, "id") || strings.HasSuffix(fold, "ids") {
				others = true
			}
		}
	}
	if alone >= 0 && !others && ids.Len() == 0 && c == (Columns{}) {
		ids.Users = append(ids.Users, alone)
	}
	return ids
}

// Len is how many columns there are.
func (ids IDs) Len() int { return len(ids.Users) + len(ids.Anons) + len(ids.Emails) }
