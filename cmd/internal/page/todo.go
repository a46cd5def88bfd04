package page

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
)

// Level says how bad something is. The worst one is the smallest.
type Level int

// The levels.
const (
	Bad Level = iota
	Warn
	Info
)

// Todo is something that somebody should do.
type Todo struct {
	Level   Level
	Title   string
	Why     string
	Sample  []string // people or orders that it is about
	Command string   // to copy
	Or      string   // what else would help
	Block   string   // the block that shows more
	order   int      // among those of a level: smaller ones come first
}

// mostTodo is how many are shown.
const mostTodo = 5

// findTodo collects what is wrong, the worst first.
func (p *Page) findTodo() {
	var all []Todo
	for i, find := range []func() []Todo{p.failedRun, p.noRun, p.heldSets, p.faults, p.refusals, p.stale, p.unfinished, p.rejections} {
		for _, t := range find() {
			t.order = i
			all = append(all, t)
		}
	}
	slices.SortStableFunc(all, func(a, b Todo) int { return cmp.Or(cmp.Compare(a.Level, b.Level), cmp.Compare(a.order, b.order)) })
	if p.More = len(all) - mostTodo; p.More > 0 {
		all = all[:mostTodo]
	}
	p.More = max(p.More, 0)
	p.Todo = all
}

// command returns a command line of this program, to copy.
func (p *Page) command(words string) string {
	if p.Config != "" {
		words += " --config " + quoted(p.Config)
	}
	if p.Name != "" {
		words += " --destination " + quoted(p.Name)
	}
	return "impactsync " + words
}

// quoted returns a word for a shell.
func quoted(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:@%+,=", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// failedRun tells of a last run that failed, and what helps with that code.
func (p *Page) failedRun() []Todo {
	last := p.Runs.Last()
	if last == nil || last.Ongoing {
		return nil
	}
	command, ok := map[int]string{
		impactsync.ExitState: "state check", impactsync.ExitCredentials: "doctor", impactsync.ExitUsage: "config check",
		impactsync.ExitFailed: "doctor", impactsync.ExitInterrupted: "run",
	}[last.Exit]
	if !ok {
		return nil
	}
	return []Todo{{Level: Bad, Title: "The last run failed: " + exitMeaning(last.Exit), Why: last.Note, Command: p.command(command), Block: "runs"}}
}

// noRun tells that runs have stopped to come.
func (p *Page) noRun() []Todo {
	gaps := p.Runs.Gaps
	if len(gaps) == 0 || gaps[len(gaps)-1].To.Before(p.Now) {
		return nil
	}
	gap := gaps[len(gaps)-1]
	return []Todo{{
		Level: Bad, Title: "No run since " + short(gap.From),
		Why:     fmt.Sprintf("that is %s, much longer than usual: nothing started the program, or it could not open the state", span(p.Now.Sub(gap.From))),
		Command: p.command("run"), Or: "look at the schedule: cron, the CronJob or the daemon", Block: "runs",
	}}
}

func (p *Page) heldSets() (all []Todo) {
	for _, h := range p.status.Held {
		all = append(all, p.heldSet(h))
	}
	return all
}

func (p *Page) heldSet(h state.HeldSet) Todo {
	t := Todo{Level: Bad, Why: h.Reason, Command: p.command(h.Command), Block: "audiences"}
	of := ""
	if h.Key != "" {
		of = h.Key + ": "
	}
	t.Title = fmt.Sprintf("%s%s held since %s", of, heldWords(h), short(instant(h.HeldAt)))
	if p.WithIDs || h.Direction == state.ConversionBatch {
		t.Sample = h.Sample
	}
	switch {
	case h.Direction == state.Unanswered:
		t.Title = fmt.Sprintf("%s %s without an answer are held", number(h.Held), strings.ReplaceAll(string(h.Kind), "_", " ")+"s")
		t.Command, t.Or = "", h.Command+" in the configuration; the next run then releases them"
	case h.Direction == state.Refusal:
		t.Command, t.Or = "", "a run sends them once Segment says otherwise, or if you "+h.Command
	case h.Approved >= h.Held:
		t.Level, t.Command = Info, p.command("run")
		t.Or = fmt.Sprintf("%s are approved: the next run within 24 hours releases them", number(h.Approved))
	case h.Approved > 0:
		t.Or = fmt.Sprintf("%s of them are approved: the next run within 24 hours releases those", number(h.Approved))
	default:
		t.Or = "or mend the input: the next run then sends what it says"
	}
	return t
}

func heldWords(h state.HeldSet) string {
	words := map[state.Direction]string{
		state.Exits: "exits", state.Joins: "joins", state.NewComputation: "changes from a new computation",
		state.ConversionBatch: "conversions", state.Suppressions: "suppressions", state.Refusal: "changes because of what Segment says",
	}[h.Direction]
	return number(h.Held) + " " + cmp.Or(words, string(h.Direction))
}

// faults tells of orders that impact.com took and then found faulty: money is lost.
func (p *Page) faults() (all []Todo) {
	for _, v := range p.status.Verdicts {
		if v.Verdict == impactsync.VerdictFault {
			all = append(all, Todo{
				Level: Bad, Title: fmt.Sprintf("%s found faulty by impact.com", counted(v.Count, "order")),
				Why: strings.TrimSpace(v.ErrorType + " " + v.Reasons), Command: p.command("status"), Block: "orders",
				Or: "the codes are impact.com's: what was sent, or the account's set-up, is wrong",
			})
		}
	}
	return all
}

// refusals tells of what is refused, once for each kind and class.
func (p *Page) refusals() (all []Todo) {
	type set struct{ kind, class string }
	sums, reasons := map[set]int64{}, map[set][]string{}
	var sets []set
	for _, r := range p.Refused {
		of := set{r.Kind, r.Class}
		if sums[of] == 0 {
			sets = append(sets, of)
		}
		sums[of] += r.Count
		reasons[of] = append(reasons[of], r.Reason)
	}
	for _, of := range sets {
		all = append(all, p.refusal(of.kind, of.class, sums[of], reasons[of]))
	}
	return all
}

func (p *Page) refusal(kind, class string, n int64, reasons []string) Todo {
	t := Todo{
		Level: Warn, Title: counted(n, spaced(kind)) + " refused", Why: reasons[0],
		Command: p.command("refused list --class " + quoted(class)), Block: "refused",
		Or: "they go again once the value, the mapping or the configuration changes",
	}
	if kind == string(state.Conversion) {
		t.Level = Bad // it is money
		t.Title = counted(n, "order") + " refused"
	}
	if more := len(reasons) - 1; more > 0 {
		t.Why += fmt.Sprintf(" (and %s)", counted(int64(more), "other reason"))
	}
	return t
}

func (p *Page) stale() (all []Todo) {
	for i := range p.Sources {
		if s := &p.Sources[i]; s.class() != "ok" {
			all = append(all, Todo{Level: Warn, Title: "Source " + s.Name + ": " + s.words(), Why: s.why(), Command: p.command("doctor"), Block: "sources"})
		}
	}
	return all
}

func (p *Page) unfinished() []Todo {
	last := p.Runs.Last()
	if last == nil || last.Ongoing || p.Due.Open == 0 {
		return nil
	}
	why := "the next run continues"
	if p.Due.Takes > 0 {
		why += "; at the known rates all of it takes about " + span(p.Due.Takes)
	}
	return []Todo{{Level: Info, Title: counted(p.Due.Open, "change") + " still due", Why: why, Command: p.command("run"), Block: "hosts"}}
}

func (p *Page) rejections() []Todo {
	last := p.Runs.Last()
	if last == nil || last.Rejected == 0 {
		return nil
	}
	return []Todo{{
		Level: Info, Title: counted(last.Rejected, "input line") + " rejected in the last run", Why: "they could not be used, and are lost unless the input is mended",
		Command: p.command("rejected list"), Block: "sources",
	}}
}

// exitMeaning returns what an exit code means, by the program's own table.
func exitMeaning(code int) string {
	for _, s := range impactsync.ExitStatuses {
		if s.Code == code {
			return s.Meaning
		}
	}
	return fmt.Sprintf("exit code %d", code)
}

// instant parses a time of a view; the zero time if there is none.
func instant(text string) time.Time {
	at, _ := time.Parse(time.RFC3339Nano, text) // a view writes it
	return at
}
