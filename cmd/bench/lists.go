package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// nowhere is a destination that is never called: a deadline in the past ends a
// run before it sends.
const (
	nowhere = "http://127.0.0.1:9"
	lists   = `  - {name: exports, kind: audiences, url: "file://./lists/"}`
)

// Exit codes of a run that was ended by its deadline, or that met lines it
// rejects.
var readingOnly = []int{3, 4}

// changed is the percentage of other members in list b.
const changed = 5

// differing is how many changes list b makes: half of them leave, half are new.
func (b *bench) differing() int { return 2 * (b.members * changed / 200) }

// read returns a run that reads and sends nothing, and finds so many changes.
func (b *bench) read(found int) func() (spent, error) {
	return func() (spent, error) {
		s, n, err := b.readAll()
		if err == nil && n != found {
			err = fmt.Errorf("it found %d changes instead of %d", n, found)
		}
		return s, err
	}
}

// readAll reads, sends nothing, and says how many changes it found.
func (b *bench) readAll() (spent, int, error) { return b.counted(readingOnly, "--deadline", "1ns") }

// counted runs the program, and says how many changes it found.
func (b *bench) counted(codes []int, flags ...string) (spent, int, error) {
	s, err := b.timed(codes, b.bin, append([]string{"run", "--json"}, flags...)...)
	if err != nil {
		return s, 0, err
	}
	var report struct{ Counts map[string]int }
	err = json.Unmarshal([]byte(s.out), &report)
	s.found = float64(report.Counts["found"])
	return s, report.Counts["found"], err
}

// twoLists makes list a, and list b with some other members.
func (b *bench) twoLists() error {
	return errors.Join(b.list("a.csv", b.members, 0), b.list("b.csv", b.members, changed), b.config(nowhere, mapAll, lists))
}

func (b *bench) first() ([]line, error) {
	if err := b.twoLists(); err != nil {
		return nil, err
	}
	peer := b.peer(`sqlite3 peer.db "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE list (user_id TEXT PRIMARY KEY) WITHOUT ROWID;
		CREATE TABLE ours (trait INTEGER, user_id TEXT, wanted TEXT, wanted_at INTEGER, PRIMARY KEY (trait, user_id)) WITHOUT ROWID" ".mode csv" ".import --skip 1 a.csv list" \
		"INSERT INTO ours SELECT 1, user_id, 'true', 1 FROM list"`, "sqlite3")
	prepare := func() error {
		return errors.Join(b.fresh(), b.remove("peer.db", "peer.db-wal", "peer.db-shm"), b.show("a.csv", "vip.csv"))
	}
	return b.compare(prepare, b.read(b.members), line{
		work: "first load of a list", peer: "`sqlite3 .import` into a keyed table, `INSERT SELECT`",
		unit: seconds, run: peer, must: []limit{ratioAtMost(0.5)},
	})
}

// settled makes a state in which list a is what impact.com was told. It is made
// once and copied after that.
func (b *bench) settled() error {
	if _, err := os.Stat(b.path("settled.db")); err == nil {
		return errors.Join(b.fresh(), b.copyFile("settled.db", "state.db"))
	}
	if err := errors.Join(b.twoLists(), b.fresh(), b.show("a.csv", "vip.csv")); err != nil {
		return err
	}
	if _, err := b.timed(nil, b.bin, "adopt", "vip"); err != nil {
		return err
	}
	return b.copyFile("state.db", "settled.db")
}

// beforeDiff gives each round the same state, so that the work is the same.
func (b *bench) beforeDiff() error {
	return errors.Join(b.settled(), b.show("b.csv", "vip.csv"), b.remove("a.sorted", "b.sorted"))
}

func (b *bench) diff() ([]line, error) {
	return b.compare(b.beforeDiff, b.read(b.differing()), b.sortComm(), line{
		work: fmt.Sprintf("%d %% other members, durable", changed), peer: "DuckDB, `EXCEPT` both ways, durable",
		unit: seconds, run: b.duckdb(), must: []limit{ratioAtMost(1), cpuAtMost(0.8)},
	}, line{
		work: fmt.Sprintf("%d %% other members, durable", changed), peer: "DuckDB, `memory_limit=" + podMemory + "`", unit: seconds, run: b.duckdb(podMemory),
	})
}

func (b *bench) sortComm() line {
	return line{
		work: fmt.Sprintf("%d %% other members, durable", changed), peer: "`sort -S 64M` of both lists, `comm -3`", unit: seconds,
		run:  b.peer(`export LC_ALL=C; sort -S 64M a.csv >a.sorted; sort -S 64M b.csv >b.sorted; comm -3 a.sorted b.sorted >/dev/null`, "sort", "comm"),
		must: []limit{ratioAtMost(1), peakAtMost(128)},
	}
}

// duckdb is a program of its own, cmd/bench/duckdb: it must find what we find.
func (b *bench) duckdb(limit ...string) func() (spent, error) {
	run := b.peer("rm -f except.db*; duckdb-except a.csv b.csv except.db "+strings.Join(limit, ""), "duckdb-except")
	if run == nil {
		return nil
	}
	return func() (spent, error) {
		s, err := run()
		if n := strings.TrimSpace(s.out); err == nil && n != strconv.Itoa(b.differing()) {
			err = fmt.Errorf("DuckDB found %s changes instead of %d", n, b.differing())
		}
		return s, err
	}
}

// plan must leave every byte of the state as it is, and cost what a run's reading
// does. Spilled lists go to a tmpfs, so that what it writes is to the state's folder.
func (b *bench) plan() ([]line, error) {
	there := *b
	there.env = []string{"TMPDIR=/dev/shm"}
	var before string
	prepare := func() (err error) {
		if err = there.beforeDiff(); err == nil {
			before, err = there.stateSum()
		}
		return err
	}
	ours := func() (spent, error) {
		s, err := there.timed(nil, b.bin, "plan", "--json")
		if err != nil {
			return s, err
		}
		var report struct{ Counts map[string]int }
		if err := json.Unmarshal([]byte(s.out), &report); err != nil || report.Counts["found"] != b.differing() {
			return s, fmt.Errorf("it found %d changes instead of %d (%w)", report.Counts["found"], b.differing(), err)
		}
		after, err := there.stateSum()
		if err == nil && after != before {
			err = errors.New("it changed the state")
		}
		return s, err
	}
	all, err := b.compare(prepare, ours, line{
		work: fmt.Sprintf("plan, %d %% other members", changed), peer: "a run's reading", unit: seconds, run: there.read(b.differing()), must: []limit{ratioAtMost(1.2)},
	})
	if err != nil {
		return nil, err
	}
	written := all[0]
	written.unit, written.must = wrote, []limit{oursAtMost(0.1, wrote)} // SQLite makes its index of an empty log
	return append(all, written), nil
}

// stateSum is of all that a state is made of. Without a write-ahead log, there is
// an empty one or none.
func (b *bench) stateSum() (string, error) {
	s, err := b.shell("cat state.db $(find . -maxdepth 1 -name state.db-wal) | sha256sum")
	return s.out, err
}

func (b *bench) unchanged() ([]line, error) {
	if err := b.settled(); err != nil {
		return nil, err
	}
	if _, err := b.shell("gzip -1 -k -f a.csv; rm lists/vip.csv"); err != nil {
		return nil, err
	}
	l, err := b.compare(func() error { return b.show("a.csv.gz", "vip.csv.gz") }, b.read(0), line{
		work: "the same list again, gzip", peer: "`zcat`, `wc -l`", unit: seconds,
		run: b.peer("zcat a.csv.gz | wc -l", "zcat"), must: []limit{ratioAtMost(12)},
	})
	return l, errors.Join(err, b.remove("lists/vip.csv.gz"))
}

// nothing compares with a tenth of the state: it must not matter.
func (b *bench) nothing() ([]line, error) {
	small, err := b.sized(b.members / 10)
	if err != nil {
		return nil, err
	}
	ours, err := b.nothingNew()
	if err != nil {
		return nil, err
	}
	peer, err := small.nothingNew()
	if err != nil {
		return nil, err
	}
	l, err := b.compare(func() error { return nil }, ours, line{
		work: "a run with nothing to do", peer: "the same, a tenth of the state", unit: seconds,
		run: peer, must: []limit{ratioAtMost(1.2), oursAtMost(0.12, seconds), peakAtMost(40)},
	})
	return l, errors.Join(err, os.RemoveAll(small.dir))
}

// nothingNew returns a run that finds nothing new, as a mean of ten: one is too short.
func (b *bench) nothingNew() (func() (spent, error), error) {
	if err := errors.Join(b.settled(), b.show("a.csv", "vip.csv")); err != nil {
		return nil, err
	}
	if _, err := b.read(0)(); err != nil { // the list has been seen from here on
		return nil, err
	}
	return func() (spent, error) {
		const times = 10
		var sum spent
		for range times {
			s, n, err := b.counted(nil) // a whole one, which would also send
			if err == nil && n != 0 {
				err = fmt.Errorf("it found %d changes", n)
			}
			if err != nil {
				return s, err
			}
			sum.wall, sum.cpu, sum.memory = sum.wall+s.wall/times, sum.cpu+s.cpu/times, max(sum.memory, s.memory)
		}
		return sum, nil
	}, nil
}

// sized is a bench of so many members, in a folder of its own.
func (b *bench) sized(members int) (*bench, error) {
	other := *b
	other.members = members
	other.dir = b.path(fmt.Sprintf("of-%d", members))
	return &other, os.MkdirAll(other.dir, 0o750)
}

const idBytes = 24

// size weighs the state with one audience, and what two more add.
func (b *bench) size() ([]line, error) {
	if err := errors.Join(b.settled(), b.show("a.csv", "vip.csv")); err != nil {
		return nil, err
	}
	one, err := b.stateSize()
	if err != nil {
		return nil, err
	}
	for _, key := range []string{"gold", "silver"} {
		if err := b.show("a.csv", key+".csv"); err != nil {
			return nil, err
		}
		if _, err := b.timed(nil, b.bin, "adopt", key); err != nil {
			return nil, err
		}
	}
	three, err := b.stateSize()
	if err != nil {
		return nil, err
	}
	member := float64(b.members)
	return []line{
		weighed("state a member, one audience, ids of 24 bytes", one/member, 3.2),
		weighed("each further audience of the same people", (three-one)/2/member, 1.3),
	}, b.remove("lists/gold.csv", "lists/silver.csv")
}

func (b *bench) stateSize() (float64, error) {
	info, err := os.Stat(b.path("state.db"))
	if err != nil {
		return 0, err
	}
	return float64(info.Size()), nil
}

func weighed(work string, size, most float64) line {
	return line{
		work: work, peer: "the ids' own bytes", unit: bytes, must: []limit{ratioAtMost(most)},
		ours: []spent{{size: size}}, theirs: []spent{{size: idBytes}},
	}
}
