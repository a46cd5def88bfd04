package sync

import (
	"context"
	"crypto/md5"  //nolint:gosec // exports hash ids so
	"crypto/sha1" //nolint:gosec // exports hash ids so
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/segment"
)

// key is an id by which a person is addressed, and what kind of id it is.
type key struct {
	kind int // of keyKinds
	id   string
}

var keyKinds = [...]string{"user ids", "anonymous ids", "e-mail addresses"}

func keyOf(id segment.Identity) key {
	switch {
	case id.UserID != "":
		return key{0, id.UserID}
	case id.AnonymousID != "":
		return key{1, id.AnonymousID}
	}
	return key{2, id.EmailSHA1}
}

// form says by which kind of id a person is addressed, and how it is written.
type form struct {
	kind int
	id   segment.IDForm
}

func (k key) form() form {
	if k.kind == 2 { // we make the hash, so its form says nothing
		return form{kind: 2}
	}
	return form{k.kind, segment.FormOf(k.id)}
}

// String returns the form in words, such as "user ids (64 hex digits)".
func (f form) String() string {
	if f.kind == 2 {
		return keyKinds[f.kind] + " alone"
	}
	return keyKinds[f.kind] + " (" + f.id.String() + ")"
}

// forms counts people by their form.
type forms struct {
	counts [len(keyKinds)][segment.IDForms]int64
	all    int64
}

func (f *forms) add(at form) {
	f.counts[at.kind][at.id]++
	f.all++
}

func (f *forms) count(at form) int64 { return f.counts[at.kind][at.id] }

func (f *forms) share(at form) float64 { return float64(f.count(at)) / float64(max(f.all, 1)) }

// knownSample is how many known people a list is compared with.
const knownSample = 1000

// formCheck compares the ids of a list, while it is read, with those of people who
// are known to be on it: are they still there, in the same form?
type formCheck struct {
	total   int64 // people known, of whom sample holds some
	sample  []sampled
	known   forms
	listed  forms
	filled  map[int]bool // lengths of known numbers that are filled up with zeros
	uncut   bool         // a long number is listed that was not cut
	spelled [len(keyKinds)]map[string]spelling
}

type sampled struct {
	form    form
	here    bool
	changed string // how the id was changed, if it is there in another spelling
}

// spelling says whose id a text is, and how it was changed; "" if it was not.
type spelling struct {
	who     int
	changed string
}

func newFormCheck(k state.Known) *formCheck {
	c := &formCheck{total: k.All, sample: make([]sampled, len(k.People)), filled: map[int]bool{}}
	for kind := range c.spelled {
		c.spelled[kind] = map[string]spelling{}
	}
	keys := make([]key, len(k.People))
	for who, p := range k.People {
		keys[who] = keyOf(segment.Identity(p))
		if keys[who].form().id == segment.FormLeadingZero {
			c.filled[len(keys[who].id)] = true
		}
	}
	for who, id := range keys {
		c.sample[who].form = c.formOf(id)
		c.known.add(c.sample[who].form)
		if id.kind == 2 {
			continue
		}
		for _, s := range respell(id.id) {
			if _, taken := c.spelled[id.kind][s[0]]; !taken {
				c.spelled[id.kind][s[0]] = spelling{who, s[1]}
			}
		}
	}
	for who, id := range keys { // an id as it is counts more
		c.spelled[id.kind][id.id] = spelling{who: who}
	}
	return c
}

// formOf returns the key's form. A number that fills its width counts as one with
// leading zeros: 099999 is followed by 100000.
func (c *formCheck) formOf(k key) form {
	f := k.form()
	if (f.id == segment.FormDigits || f.id == segment.FormCut) && c.filled[len(k.id)] {
		f.id = segment.FormLeadingZero
	}
	return f
}

// respell returns what programs may make of an id, each with what was done in words.
func respell(id string) [][2]string {
	const zeros, decimal, letters, cut, hash, dashes = "leading zeros are lost", "digits became decimals", "the case of letters changed", "long numbers were cut", "ids were hashed", "dashes are lost"
	all := [][2]string{{strings.ToLower(id), letters}, {strings.ToUpper(id), letters}}
	if number := strings.TrimLeft(id, "0"); segment.FormOf(number) == segment.FormDigits || segment.FormOf(number) == segment.FormCut {
		all = append(all, [2]string{number, zeros}, [2]string{number + ".0", decimal}, [2]string{number + ".00", decimal}, [2]string{number + ",0", decimal})
		if len(number) > 15 {
			all = append(all, [2]string{number[:15] + strings.Repeat("0", len(number)-15), cut})
			if f, err := strconv.ParseFloat(number, 64); err == nil {
				all = append(all, [2]string{strconv.FormatFloat(f, 'f', 0, 64), cut})
			}
		}
	}
	if segment.FormOf(id) == segment.FormUUID {
		all = append(all, [2]string{strings.ReplaceAll(id, "-", ""), dashes}, [2]string{strings.ToUpper(strings.ReplaceAll(id, "-", "")), dashes})
	}
	a, b, c := sha256.Sum256([]byte(id)), sha1.Sum([]byte(id)), md5.Sum([]byte(id))
	for _, sum := range [][]byte{a[:], b[:], c[:]} {
		all = append(all, [2]string{hex.EncodeToString(sum), hash})
	}
	return all
}

// add takes a member of the list. It costs about 100 nanoseconds.
func (c *formCheck) add(id segment.Identity) {
	k := keyOf(id)
	f := c.formOf(k)
	c.listed.add(f)
	c.uncut = c.uncut || f.id == segment.FormDigits && len(k.id) > 15
	if len(c.sample) == 0 {
		return
	}
	s, ok := c.spelled[k.kind][k.id]
	if !ok && k.kind < 2 {
		s, ok = c.bare(k)
	}
	switch {
	case !ok:
	case s.changed == "":
		c.sample[s.who].here = true
	default:
		c.sample[s.who].changed = s.changed
	}
}

// bare looks up an id without the signs around it.
func (c *formCheck) bare(k key) (s spelling, ok bool) {
	first, last := k.id[0], k.id[len(k.id)-1]
	const around = " \t'\"`={}[]()\u00a0\u200b\u200e\u200f\u2060\ufeff"
	if strings.IndexByte(around, first) < 0 && strings.IndexByte(around, last) < 0 {
		return s, false
	}
	s, ok = c.spelled[k.kind][strings.Trim(k.id, around)]
	s.changed = "blanks, quotes or brackets stand around ids"
	return s, ok
}

// verdict returns why the ids of the list do not fit those of the people known, or "".
func (c *formCheck) verdict() string {
	if len(c.sample) == 0 || c.listed.all == 0 {
		return ""
	}
	gone, respelled, how := 0, 0, ""
	for _, s := range c.sample {
		if s.here {
			continue
		}
		gone++
		if s.changed != "" {
			respelled, how = respelled+1, s.changed
		}
	}
	if respelled > 0 && respelled*10 >= gone {
		return fmt.Sprintf("the ids changed their form: %s (%d of %d people looked at are on the list only so)", how, respelled, len(c.sample))
	}
	missing := float64(gone) / float64(len(c.sample)) * float64(c.total)
	for kind := range keyKinds {
		for id := range segment.IDForms {
			if f := (form{kind, id}); c.strange(f, missing) {
				return fmt.Sprintf("the ids changed their form: %s are %.0f %% of the list, and were %.0f %% of the %d people known to be on it", f, 100*c.listed.share(f), 100*c.known.share(f), c.total)
			}
		}
	}
	return ""
}

// A form that no known person had is strange from this share of the list.
const (
	strangeMangled = 0.01 // if ids do not have the form by themselves
	strangeFew     = 0.5  // of a short list, where one person is a large share
	strangeMany    = 0.1
	fewKnown       = 20
	strangeRise    = 0.5 // by which the share rises, if some had the form before
)

// strange reports whether a form has taken the place of others: as many people have
// it as are missing.
func (c *formCheck) strange(f form, missing float64) bool {
	now, before := c.listed.share(f), c.known.share(f)
	switch {
	case 2*missing < min(float64(c.listed.count(f)), float64(c.total)):
		return false // the list only grew
	case f.kind < 2 && f.id == segment.FormCut && c.uncut:
		return false // every tenth number ends in a zero
	case len(c.sample) < fewKnown && (f.kind == 2 || !f.id.Mangled()) && c.othersHere(f):
		return false // a short list of several forms
	}
	switch {
	case before > 0 && f.kind < 2 && f.id == segment.FormCut && before < 0.3:
		return now-before > strangeRise
	case before > 0:
		return len(c.sample) >= fewKnown && now-before > strangeRise
	case f.kind < 2 && f.id.Mangled():
		return now >= strangeMangled
	case len(c.sample) >= fewKnown:
		return now >= strangeMany
	}
	return now > strangeFew
}

// othersHere reports whether somebody is still listed in the form that most people
// had, and that form is not f. Then not all ids were changed.
func (c *formCheck) othersHere(f form) bool {
	for _, s := range c.sample {
		if s.here && s.form != f && 2*c.known.count(s.form) >= c.known.all {
			return true
		}
	}
	return false
}

// hashed returns the form of nearly all user ids of a first list, if exports and
// spreadsheets make that form and no known user has it.
func (c *formCheck) hashed(users state.Known) (id segment.IDForm, why string) {
	var others forms
	for _, p := range users.People {
		others.add(c.formOf(keyOf(segment.Identity(p))))
	}
	for _, id := range []segment.IDForm{segment.FormHex64, segment.FormHex40, segment.FormHex32, segment.FormDecimal, segment.FormCut} {
		f := form{0, id}
		if id == segment.FormHex32 && others.all == 0 || others.count(f) > 0 {
			continue // many shops have such ids
		}
		if id == segment.FormCut && (c.uncut || c.listed.count(f) < 3) {
			continue // every tenth number ends in a zero
		}
		if share := c.listed.share(f); share >= 0.9 {
			return id, fmt.Sprintf("%s are %.0f %% of it, and no user known from elsewhere has such an id: were they hashed, or changed by a spreadsheet? Download the list unhashed", f, 100*share)
		}
	}
	return segment.FormOther, ""
}

// startFormCheck returns a check against the people who are known to be on a list.
func (p *pass) startFormCheck(ctx context.Context, key string) (*formCheck, error) {
	known, err := p.State.MembersKnown(ctx, key, knownSample)
	return newFormCheck(known), err
}

// firstForm warns of a first list whose ids do not look like those of users.
func (p *pass) firstForm(ctx context.Context, c *formCheck, name, trait, objects string) error {
	if len(c.sample) > 0 || c.listed.all == 0 {
		return nil
	}
	users, err := p.State.UsersKnown(ctx, knownSample)
	if err != nil {
		return err
	}
	if _, why := c.hashed(users); why != "" {
		p.stale(name, fmt.Sprintf("the list of %s (%s): %s", trait, objects, why))
		p.Log.Warn("the ids of a list do not look like those of users", "source", name, "trait", trait, "objects", objects, "why", why)
	}
	return nil
}
