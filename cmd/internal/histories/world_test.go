package histories

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// The people: user uN may turn out to be visitor aN; visitors vN stay visitors.
// u0 and v0 are on every list, so that no list loses a kind of id.
var (
	users    = []string{"u0", "u1", "u2", "u3", "u4", "u5"}
	visitors = []string{"a1", "a2", "a3", "a4", "a5", "v0", "v1"}
)

// The traits: fed by full lists, by messages, and by both (the newest counts).
var (
	listKeys   = []string{"gold", "vip", "mixed"}
	streamKeys = []string{"web", "app", "mixed"}
	allKeys    = []string{"app", "gold", "mixed", "vip", "web"}
)

// statement says whether an id has a trait, as of a time.
type statement struct {
	id    string
	at    time.Time
	value bool
}

// list is a full list as of a time.
type list struct {
	at  time.Time
	ids []string
}

// order is a purchase: what must arrive for it.
type order struct {
	id, person, click, amount string
}

// world is what the inputs say. It knows nothing of the program.
type world struct {
	p   *program
	rng *rand.Rand

	now        time.Time
	files      int
	messages   int
	owner      map[string]string // visitor -> user, once both were seen together
	lists      map[string]list
	statements map[string][]statement
	orders     []order
	pages      map[string]string // URL -> person
	clicks     map[string]string // click id -> person
	lines      []string          // written and not yet in a file
	all        []string          // all lines so far
}

func newWorld(p *program, rng *rand.Rand) *world {
	return &world{
		p: p, rng: rng, now: time.Now().Add(-24 * time.Hour).Truncate(time.Second),
		owner: map[string]string{}, lists: map[string]list{}, statements: map[string][]statement{},
		pages: map[string]string{}, clicks: map[string]string{},
	}
}

func (w *world) tick() time.Time {
	w.now = w.now.Add(time.Duration(10+w.rng.IntN(50)) * time.Second)
	return w.now
}

func pick[T any](rng *rand.Rand, from []T) T { return from[rng.IntN(len(from))] }

// fullList writes a new list of a trait.
func (w *world) fullList(key string) {
	ids := []string{"u0", "v0"}
	for _, id := range slices.Concat(users[1:], visitors) {
		if id != "v0" && w.rng.IntN(3) == 0 {
			ids = append(ids, id)
		}
	}
	w.rng.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	var text strings.Builder
	text.WriteString("user_id,anonymous_id\n")
	for _, id := range ids {
		if id[0] == 'u' {
			fmt.Fprintf(&text, "%s,\n", id)
		} else {
			fmt.Fprintf(&text, ",%s\n", id)
		}
	}
	w.lists[key] = list{w.tick(), ids}
	w.p.write("lists/"+key+".csv", text.String(), w.now)
}

// message adds a line of a log.
func (w *world) message(kind, id string, at time.Time, more map[string]any) {
	w.messages++
	m := map[string]any{
		"type": kind, "messageId": fmt.Sprintf("m%d", w.messages),
		"timestamp": at.Format(time.RFC3339Nano), "originalTimestamp": at.Format(time.RFC3339Nano), "receivedAt": w.now.Add(time.Second).Format(time.RFC3339Nano),
	}
	if id[0] == 'u' {
		m["userId"] = id
	} else {
		m["anonymousId"] = id
	}
	for key, value := range more {
		m[key] = value
	}
	line, err := json.Marshal(m)
	if err != nil {
		panic(err) // a map of texts and maps always encodes
	}
	w.lines = append(w.lines, string(line))
}

// change says something about one person and trait, sometimes late.
func (w *world) change() {
	key, id, value := pick(w.rng, streamKeys), pick(w.rng, slices.Concat(users[1:], visitors)), w.rng.IntN(2) == 0
	at := w.tick()
	if w.rng.IntN(4) == 0 { // no two statements have the same time, nor the time of a list
		at = at.Add(-time.Duration(w.rng.IntN(7200))*time.Second + time.Duration(1+w.messages%900)*time.Millisecond)
	}
	w.statements[key] = append(w.statements[key], statement{id, at, value})
	w.message("identify", id, at, map[string]any{
		"context": map[string]any{"personas": map[string]any{"computation_class": "audience", "computation_key": key, "computation_id": "aud_" + key, "space_id": "spa"}},
		"traits":  map[string]any{key: value},
	})
}

// visit is a page call, sometimes with a click id.
func (w *world) visit() {
	id := pick(w.rng, slices.Concat(users[1:], visitors))
	address := fmt.Sprintf("https://shop.example/p/%d", w.messages)
	if w.rng.IntN(2) == 0 {
		click := fmt.Sprintf("click-%s-%d", id, w.messages)
		address += "?im_ref=" + click
		w.clicks[click] = id
	}
	w.pages[address] = id
	w.message("page", id, w.tick(), map[string]any{"context": map[string]any{"page": map[string]any{"url": address}}})
}

// buy is an order; now and then one that is logged twice.
func (w *world) buy() {
	o := order{id: fmt.Sprintf("o%d", len(w.orders)), person: pick(w.rng, slices.Concat(users[1:], visitors)), amount: fmt.Sprintf("%d.50", 1+w.rng.IntN(90))}
	properties := map[string]any{"order_id": o.id, "total": json.Number(o.amount), "currency": "USD"}
	more := map[string]any{"event": "Order Completed", "properties": properties}
	if w.rng.IntN(4) == 0 {
		o.click = fmt.Sprintf("click-%s-%d", o.person, w.messages)
		w.clicks[o.click] = o.person
		more["context"] = map[string]any{"page": map[string]any{"url": "https://shop.example/thanks?irclickid=" + o.click}}
	}
	w.message("track", o.person, w.tick(), more)
	w.orders = append(w.orders, o)
	if w.rng.IntN(5) == 0 {
		w.lines = append(w.lines, pick(w.rng, slices.Concat(w.all, w.lines)))
	}
}

// meet shows a visitor to be a user.
func (w *world) meet() {
	anon := pick(w.rng, visitors[:5])
	user := "u" + anon[1:]
	w.owner[anon] = user
	w.message("identify", user, w.tick(), map[string]any{"anonymousId": anon, "traits": map[string]any{}})
}

// flush writes the lines into a log file.
func (w *world) flush() {
	if len(w.lines) == 0 {
		return
	}
	w.files++
	w.p.write(fmt.Sprintf("events/%04d.json", w.files), strings.Join(w.lines, "\n")+"\n", w.tick())
	w.all = append(w.all, w.lines...)
	w.lines = nil
}

// person returns the person an id now stands for.
func (w *world) person(id string) string {
	if user, ok := w.owner[id]; ok {
		return user
	}
	return id
}

// people returns all of them, each once.
func (w *world) people() []string {
	var all []string
	for _, id := range slices.Concat(users, visitors) {
		if w.person(id) == id {
			all = append(all, id)
		}
	}
	return all
}

// wants returns what impact.com should finally hold about a person.
func (w *world) wants(person, key string) bool {
	var newest time.Time
	member := false
	if l, ok := w.lists[key]; ok {
		newest = l.at
		member = slices.ContainsFunc(l.ids, func(id string) bool { return w.person(id) == person })
	}
	for _, s := range w.statements[key] {
		if w.person(s.id) == person && s.at.After(newest) {
			newest, member = s.at, s.value
		}
	}
	return member
}
