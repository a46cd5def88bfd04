package main

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"time"

	"github.com/impactsync/impactsync/cmd/internal/shopdata"
)

// nowhere is a destination that no row below it calls: a deadline in the past
// ends a run before it sends.
const (
	nowhere = "http://127.0.0.1:9"
	lists   = `  - {name: exports, kind: audiences, url: "file://./lists/"}`
	logs    = `  - {name: web, kind: events, url: "file://./logs/", traits: {include: ["*"]}}`
)

// stopped is the exit code of a run that a deadline ended.
const stopped = 4

func (b *bench) readOnly() (spent, error) {
	return b.timed([]int{stopped, 3, 5}, b.bin, "run", "--deadline", "1ns")
}

func (b *bench) lists() error {
	if err := b.list("a.csv", b.members, 0); err != nil {
		return err
	}
	if err := b.list("b.csv", b.members, 5); err != nil {
		return err
	}
	return b.config(nowhere, lists, "")
}

func (b *bench) first() error {
	if err := b.lists(); err != nil {
		return err
	}
	if err := b.show("a.csv", "vip.csv"); err != nil {
		return err
	}
	peer := b.peer(`rm -f peer.db; sqlite3 peer.db "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE list (user_id TEXT PRIMARY KEY) WITHOUT ROWID;
		CREATE TABLE ours (trait INTEGER, user_id TEXT, wanted TEXT, wanted_at INTEGER, PRIMARY KEY (trait, user_id)) WITHOUT ROWID" ".mode csv" ".import --skip 1 a.csv list" \
		"INSERT INTO ours SELECT 1, user_id, 'true', 1 FROM list"`, "sqlite3")
	return b.pair(func(int) error { return b.fresh() }, b.readOnly, peer)
}

// settled makes a state in which list a is what impact.com was told.
func (b *bench) settled() error {
	if err := b.lists(); err != nil {
		return err
	}
	if err := b.fresh(); err != nil {
		return err
	}
	if err := b.show("a.csv", "vip.csv"); err != nil {
		return err
	}
	_, err := b.timed(nil, b.bin, "adopt", "vip")
	return err
}

func (b *bench) diff() error {
	if err := b.settled(); err != nil {
		return err
	}
	names := []string{"b.csv", "a.csv"}
	prepare := func(round int) error {
		if _, err := b.timed(nil, b.bin, "adopt", "vip"); err != nil {
			return err
		}
		return b.show(names[round%2], "vip.csv")
	}
	return b.pair(prepare, b.readOnly, b.peer(`export LC_ALL=C; sort -S 64M a.csv >a.sorted; sort -S 64M b.csv >b.sorted; comm -3 a.sorted b.sorted >/dev/null`, "sort", "comm"))
}

func (b *bench) unchanged() error {
	if err := b.settled(); err != nil {
		return err
	}
	if _, err := b.shell("gzip -1 -k -f a.csv"); err != nil {
		return err
	}
	return b.pair(func(int) error { return b.show("a.csv.gz", "vip.csv.gz") }, b.readOnly, b.peer("zcat a.csv.gz | wc -l", "zcat"))
}

func (b *bench) nothing() error {
	if err := b.settled(); err != nil {
		return err
	}
	return b.pair(nil, b.readOnly, nil)
}

func (b *bench) size() error {
	if err := b.settled(); err != nil {
		return err
	}
	info, err := os.Stat(b.path("state.db"))
	if err != nil {
		return err
	}
	fmt.Printf("  ours   %.1f bytes a member, %.2fx the ids\n", float64(info.Size())/float64(b.members), float64(info.Size())/float64(b.members)/24)
	return nil
}

func (b *bench) events() error {
	if err := b.fresh(); err != nil {
		return err
	}
	shop := shopdata.Shop{Seed: 1, Base: time.Now().UTC().Truncate(24 * time.Hour).Add(-24 * time.Hour), People: b.messages / 10, Messages: b.messages}
	if err := shop.Write(b.path("logs"), 1); err != nil {
		return err
	}
	// jq gives up at the sample's broken lines; both read the same good ones.
	if _, err := b.shell(`find logs -name '*.gz' -print0 | xargs -0 zcat | jq -cR 'fromjson? | select(type == "object")' >good.ndjson; rm -r logs; mkdir logs; gzip -6 -c good.ndjson >logs/all.gz`); err != nil {
		return err
	}
	if err := b.config(nowhere, logs, ""); err != nil {
		return err
	}
	return b.pair(func(int) error { return b.fresh() }, b.readOnly, b.peer("zcat logs/all.gz | jq -c .userId >/dev/null", "zcat", "jq"))
}

func (b *bench) delivery30() error { return b.delivery("30ms", 60_000) }
func (b *bench) delivery0() error  { return b.delivery("0s", 200_000) }

var perSecond = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)

// delivery sends n trait updates, and compares requests a second with wrk's on
// the same server.
func (b *bench) delivery(latency string, n int) error {
	url, stop, err := b.sandbox("--latency", latency)
	if err != nil {
		return err
	}
	defer stop() //nolint:errcheck // it was only a server
	if err := b.config(url, lists, ""); err != nil {
		return err
	}
	if err := b.list("few.csv", n, 0); err != nil {
		return err
	}
	if err := b.show("few.csv", "vip.csv"); err != nil {
		return err
	}
	script := `wrk.method="POST"; wrk.headers["Content-Type"]="application/x-www-form-urlencoded"; wrk.body="CampaignId=23224&EventDate=2026-01-01T00:00:00Z&CustomerId=cus_5e41ab087439611e86c3&PageUrl=https%3A%2F%2Fshop.example%2F&vip=true"`
	if err := os.WriteFile(b.path("wrk.lua"), []byte(script), 0o600); err != nil {
		return err
	}
	for range b.rounds {
		if err := b.fresh(); err != nil {
			return err
		}
		read, err := b.readOnly() // the list is in: what follows is delivery alone
		if err != nil {
			return err
		}
		s, err := b.timed(nil, b.bin, "run")
		if err != nil {
			return err
		}
		rate := float64(n) / s.wall.Seconds()
		fmt.Printf("  ours   %.0f requests/s, %.2f s CPU per 10,000, %d MiB (reading the list took %.1f s)\n", rate, s.cpu.Seconds()/float64(n)*1e4, s.memory>>20, read.wall.Seconds())
		if _, err := exec.LookPath("wrk"); err != nil {
			fmt.Println("  peer   left out: wrk is not installed")
			continue
		}
		if err := b.wrk(url, rate); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) wrk(url string, ours float64) error {
	out, err := exec.Command("wrk", "-t2", "-c64", "-d5s", "-s", b.path("wrk.lua"), url+"/PageLoad").Output() //nolint:gosec,noctx // our own server; it stops by itself
	if err != nil {
		return err
	}
	found := perSecond.FindSubmatch(out)
	if found == nil {
		return fmt.Errorf("wrk said %q", tail(string(out)))
	}
	rate, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		return err
	}
	fmt.Printf("  peer   %.0f requests/s; ratio %.2fx\n", rate, ours/rate)
	return nil
}
