package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

func (b *bench) delivery30() ([]line, error) {
	return b.delivery("30ms", 60_000, ratioAtLeast(0.95))
}

func (b *bench) delivery0() ([]line, error) { return b.delivery("0s", 400_000, oursAtMost(1, cpu)) }

// request is the page load that we send, for wrk.
const request = `wrk.method="POST"; wrk.headers["Content-Type"]="application/x-www-form-urlencoded"
wrk.body="CampaignId=23224&EventDate=2026-01-01T00:00:00Z&CustomerId=cus_5e41ab087439611e86c3&PageUrl=https%3A%2F%2Fshop.example%2F&vip=true"
`

// delivery sends n trait updates, and compares requests a second with wrk's on
// the same server. The list is read before, so that delivery alone is timed.
func (b *bench) delivery(latency string, n int, must ...limit) (_ []line, err error) {
	url, stop, err := b.sandbox("--latency", latency)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	list := fmt.Sprintf("%d.csv", n)
	err = errors.Join(b.config(url, mapAll, lists), b.list(list, n, 0), b.show(list, "vip.csv"), os.WriteFile(b.path("wrk.lua"), []byte(request), 0o600))
	if err != nil {
		return nil, err
	}
	var took time.Duration
	ours := func() (spent, error) {
		s, err := b.timed(nil, b.bin, "run") // exit 0: all of it was delivered
		s.done, took = float64(n), s.wall
		return s, err
	}
	prepare := func() error {
		if err := b.fresh(); err != nil {
			return err
		}
		_, err := b.read(n)()
		return err
	}
	l := line{
		work: fmt.Sprintf("page loads at %s, 64 workers, durable", latency), peer: "wrk, 64 connections, same server",
		unit: perSecond, must: must, run: b.wrk(url, &took),
	}
	if l.run != nil { // the first of a pair would meet a cold server
		if _, err := l.run(); err != nil {
			return nil, err
		}
	}
	return b.compare(prepare, ours, l)
}

var (
	requests = regexp.MustCompile(`(\d+) requests in`)
	rate     = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)
)

// wrk returns a round as long as ours took, from a second to half a minute: its
// rate is even by then.
func (b *bench) wrk(url string, took *time.Duration) func() (spent, error) {
	if b.peer("", "wrk") == nil {
		return nil
	}
	return func() (spent, error) {
		seconds := min(max(1, int(took.Round(time.Second)/time.Second)), 30)
		s, err := b.timed(nil, "wrk", "-t2", "-c64", fmt.Sprintf("-d%ds", seconds), "-s", "wrk.lua", url+"/PageLoad")
		if err != nil {
			return s, err
		}
		done, perSecond := number(requests, s.out), number(rate, s.out)
		if done == 0 || perSecond == 0 || strings.Contains(s.out, "Non-2xx") || strings.Contains(s.out, "Socket errors") {
			return s, fmt.Errorf("wrk said %q", tail(s.out))
		}
		s.done, s.wall = done, time.Duration(done/perSecond*float64(time.Second))
		return s, nil
	}
}

func number(in *regexp.Regexp, text string) float64 {
	found := in.FindStringSubmatch(text)
	if found == nil {
		return 0
	}
	x, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		return 0
	}
	return x
}
