package shopdata

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// writeLists writes three audiences and a computed trait, each in another of
// the shapes that Segment and its users export.
func (s Shop) writeLists(dir string, step int) error {
	dir = filepath.Join(dir, "audiences")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return errors.Join(
		s.formatted(filepath.Join(dir, "VIP.csv"), s.members("vip", 30, step)),
		s.unformatted(filepath.Join(dir, "Cart Abandoners.csv"), s.members("cart", 20, step)),
		s.ndjson(filepath.Join(dir, "Newsletter.ndjson"), s.members("newsletter", 50, step)),
		s.points(filepath.Join(dir, "Loyalty Points.csv"), s.members("points", 40, step), step),
	)
}

// members returns who is in a list: percent of the people, of whom in step 2 one
// in twelve left and about as many joined.
func (s Shop) members(list string, percent, step int) []int {
	var in []int
	for i := range s.People {
		d := newDice(s.Seed, list, i)
		was, moved := d.percent(percent), d.below(12)
		switch {
		case step == 1 && was, step == 2 && was && moved > 0:
			in = append(in, i)
		case step == 2 && !was && d.below(100) < percent/12+1:
			in = append(in, i)
		}
	}
	return in
}

// formatted has a column for each kind of id.
func (s Shop) formatted(file string, members []int) error {
	rows := [][]string{{"user_id", "email", "email_1", "anonymous_id"}}
	for _, i := range members {
		p := s.person(i)
		second := ""
		if i%9 == 0 {
			second = "work." + p.Email
		}
		rows = append(rows, []string{p.UserID, p.Email, second, p.AnonymousID})
	}
	return writeCSV(file, rows)
}

// unformatted has all ids of a person as JSON in one column.
func (s Shop) unformatted(file string, members []int) error {
	rows := [][]string{{"key", "external_ids"}}
	for _, i := range members {
		rows = append(rows, []string{profileKey(s, i), externalIDs(s.person(i))})
	}
	return writeCSV(file, rows)
}

// points is a computed trait; in step 2 every fifth value moved.
func (s Shop) points(file string, members []int, step int) error {
	rows := [][]string{{"key", "value", "external_ids"}}
	for _, i := range members {
		d := newDice(s.Seed, "value", i)
		value := 10 * (1 + d.below(90))
		if step == 2 && d.percent(20) {
			value += 50
		}
		rows = append(rows, []string{profileKey(s, i), strconv.Itoa(value), externalIDs(s.person(i))})
	}
	return writeCSV(file, rows)
}

// ndjson is what a query of one's own may give; some readers of the newsletter
// never made an account, and an address alone does not address them.
func (s Shop) ndjson(file string, members []int) error {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	for n, i := range members {
		p := s.person(i)
		row := object{"user_id": p.UserID, "email": p.Email}
		if n == 7 || n == 23 {
			delete(row, "user_id")
		}
		if err := e.Encode(row); err != nil {
			return err
		}
	}
	return os.WriteFile(file, out.Bytes(), 0o644)
}

func profileKey(s Shop, i int) string {
	return fmt.Sprintf("use_%016x", newDice(s.Seed, "profile", i).next())
}

func externalIDs(p Person) string {
	ids, err := json.Marshal(map[string][]string{"user_id": {p.UserID}, "email": {p.Email}, "anonymous_id": {p.AnonymousID}})
	if err != nil {
		panic(err) // a map of texts
	}
	return string(ids)
}

func writeCSV(file string, rows [][]string) error {
	var out bytes.Buffer
	if err := csv.NewWriter(&out).WriteAll(rows); err != nil {
		return err
	}
	return os.WriteFile(file, out.Bytes(), 0o644)
}
