package config

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// Program is one of several destinations: a name, the keys of destination, and what
// else may be its own. What it does not set is as in the rest of the file.
type Program struct {
	// A name of its own, for --destination, logs, metrics and the state's file: letters, digits, - and _. Required.
	Name string `yaml:"name"`
	// The names of the sources that it is fed from. Default: all.
	Sources []string `yaml:"sources"`
	Destination
	// Its state. Default: state-NAME.db beside state.path, if that is state.db.
	State State `yaml:"state"`
	// How requests are sent. Of one account, both rates must be the same: they are the account's.
	Delivery Delivery `yaml:"delivery"`
	// What to do about conversions that impact.com has accepted.
	Conversions Conversions `yaml:"conversions"`
	// What impact.com made of the orders.
	Reconcile Reconcile `yaml:"reconcile"`
	// What to do about orders that are taken back.
	Refunds *Refunds `yaml:"refunds"`
	// ISO 4217 code used for money without a currency.
	DefaultCurrency string `yaml:"defaultCurrency" empty:"true"`
}

var (
	programType = reflect.TypeFor[Program]()
	programName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$`)
)

// shared returns what the file says for all programs, over which one is decoded.
func (c *Config) shared() Program {
	return Program{
		Destination: c.Destination, State: c.State, Delivery: c.Delivery, Conversions: c.Conversions,
		Reconcile: c.Reconcile, Refunds: c.Refunds, DefaultCurrency: c.DefaultCurrency,
	}
}

// with returns the configuration of one program.
func (c *Config) with(p Program) *Config {
	own := *c
	own.Name, own.Destination, own.State, own.Delivery, own.Conversions = p.Name, p.Destination, p.State, p.Delivery, p.Conversions
	own.Reconcile, own.Refunds, own.DefaultCurrency = p.Reconcile, p.Refunds, p.DefaultCurrency
	own.Destinations, own.Warnings = nil, slices.Clone(c.Warnings)
	return &own
}

// Names returns the names of the destinations; none if there is but one, without a name.
func (c *Config) Names() (names []string) {
	for _, one := range c.Each {
		names = append(names, one.Name)
	}
	return names
}

// Of returns the configuration of the destination with this name; "" is that of the
// only one.
func (c *Config) Of(name string) (*Config, error) {
	switch i := slices.IndexFunc(c.Each, func(one *Config) bool { return one.Name == name }); {
	case i >= 0 && c.Each[i].unusable != nil:
		return nil, c.Each[i].unusable
	case i >= 0:
		return c.Each[i], nil
	case len(c.Each) == 0 && name == "":
		return c, nil
	case len(c.Each) == 0:
		return nil, fmt.Errorf("--destination %q: the configuration has one destination, without a name", name)
	case name == "":
		return nil, fmt.Errorf("which destination? The configuration has %s: name one with --destination", strings.Join(c.Names(), ", "))
	}
	return nil, fmt.Errorf("--destination %q: the configuration has %s", name, strings.Join(c.Names(), ", "))
}

// mostDestinations bounds a list whose items are compared with each other.
const mostDestinations = 100

// expand makes a configuration of each program, and checks it.
func (l *loader) expand() {
	c := l.config
	if c.Destinations != nil {
		l.must(len(c.Destinations) > 0, "destinations", "is empty", "a list of destinations, each with a name; or destination alone")
	}
	if len(c.Destinations) > mostDestinations {
		l.problem("destinations", fmt.Sprintf("are more than %d", mostDestinations), "use several configurations")
		return
	}
	c.defaultSpool()
	for i, p := range c.Destinations {
		one := *l
		one.config, one.block = c.with(p), fmt.Sprintf("destinations[%d]", i)
		one.name(c.Destinations[:i])
		one.choose(p.Sources)
		one.ownState()
		before := len(one.problems)
		one.complete()
		if only := one.problems[before:]; len(only) > 0 && !slices.ContainsFunc(only, func(p Problem) bool { return p.cause == nil }) {
			one.config.unusable = slices.Clone(only)
			one.problems = one.problems[:before]
		}
		l.problems = one.problems
		c.Each = append(c.Each, one.config)
	}
	l.compare()
}

// name checks the name of a program after those of others.
func (l *loader) name(others []Program) {
	name, key := l.config.Name, l.block+".name"
	l.must(name != "", key, "is missing", "a short name for --destination, logs and the state, such as us")
	l.must(programName.MatchString(name), key, l.quote(key, name)+" is not a name", "letters, digits, - and _, at most 32, such as us or brand-eu")
	for i, other := range others {
		l.must(!strings.EqualFold(other.Name, name), key, fmt.Sprintf("%s is the name of destinations[%d] already", l.quote(key, name), i), "give each destination a name of its own")
	}
}

// choose leaves the sources that a program names.
func (l *loader) choose(names []string) {
	if names == nil {
		return
	}
	c := l.config
	all := c.Sources
	c.Sources, l.chosen = nil, []int{}
	for i, s := range all {
		if slices.Contains(names, s.Name) {
			c.Sources, l.chosen = append(c.Sources, s), append(l.chosen, i)
		}
	}
	key := l.block + ".sources"
	l.must(len(names) > 0, key, "is empty: there would be nothing to send", "leave it out for all sources")
	for i, name := range names {
		at := fmt.Sprintf("%s[%d]", key, i)
		l.must(slices.ContainsFunc(all, func(s Source) bool { return s.Name == name }), at, "there is no source "+l.quote(at, name), "the name of one of sources")
	}
}

// source returns the key of a source in the file.
func (l *loader) source(i int) string {
	if l.chosen != nil {
		i = l.chosen[i]
	}
	return fmt.Sprintf("sources[%d]", i)
}

// ownState names the state of a program that names none.
func (l *loader) ownState() {
	path := &l.config.State.Path
	if !l.owns("state.path") {
		ext := filepath.Ext(*path)
		*path = strings.TrimSuffix(*path, ext) + "-" + l.config.Name + ext
	}
}

// own returns where a program's block has a key.
func (l *loader) own(key string) string {
	return l.block + "." + strings.TrimPrefix(key, "destination.")
}

// owns reports whether a program's block sets the key.
func (l *loader) owns(key string) bool { return l.block != "" && l.places[l.own(key)] != nil }

// at returns where a key of the configuration stands in the file, or would: in the
// program's block or outside of it.
func (l *loader) at(key string) string {
	if l.block == "" || strings.HasPrefix(key, l.block) || l.places[l.own(key)] == nil && l.places[key] != nil {
		return key
	}
	section, _, _ := strings.Cut(key, ".")
	if section == "destination" || l.places[l.own(key)] != nil || l.places[l.block+"."+section] != nil {
		return l.own(key)
	}
	return key
}

// account tells accounts apart: what a quota belongs to.
func (c *Config) account() [3]string {
	d := c.Destination
	return [3]string{d.AccountSID, d.TrackingURL, d.APIURL}
}

// compare checks what the programs may not have in common, or must.
func (l *loader) compare() {
	each := l.config.Each
	for i, c := range each {
		one := *l
		one.config, one.block = c, fmt.Sprintf("destinations[%d]", i)
		for j, other := range each[:i] {
			one.pair(other, fmt.Sprintf("destinations[%d]", j))
		}
		l.problems = one.problems
		for _, other := range each {
			if other != c && other.account() == c.account() {
				c.Neighbours = append(c.Neighbours, other.State.Path)
			}
		}
	}
	l.orphan()
}

// pair checks a program against one before it.
func (l *loader) pair(other *Config, block string) {
	c := l.config
	same := c.account() == other.account()
	l.must(filepath.Clean(c.State.Path) != filepath.Clean(other.State.Path), l.block+".state.path", "is the state of "+block+", too", "one state belongs to one destination: give each a file of its own")
	l.must(!same || c.Destination.CampaignID != other.Destination.CampaignID, l.block+".campaignId", "is the program of "+block+", in the same account", "each would send everything: keep one of them")
	l.must(!same || c.Delivery.ConversionsPerHour == other.Delivery.ConversionsPerHour, l.block+".delivery.conversionsPerHour", "is another number than that of "+block+", in the same account", "the quota is the account's: set it under delivery, for all")
	l.must(!same || c.Delivery.PageLoadsPerSecond == other.Delivery.PageLoadsPerSecond, l.block+".delivery.pageLoadsPerSecond", "is another number than that of "+block+", in the same account", "the rate is the account's: set it under delivery, for all")
	l.ownTold(other, block)
	l.must(c.Conversions.File.URL != other.Conversions.File.URL, l.block+".conversions.file.url", "is the folder of "+block+", too", "give each a folder of its own")
}

// ownTold refuses a schema for what impact.com was told that belongs to a program before
// this one.
func (l *loader) ownTold(other *Config, block string) {
	for _, s := range l.config.Sources {
		for _, o := range other.Sources {
			if s.Diff == DiffWarehouse && o.Diff == DiffWarehouse && s.ToldSchema == o.ToldSchema && s.sameWarehouse(&o) {
				l.problem(l.block+".sources", fmt.Sprintf("source %q would keep what impact.com was told in toldSchema %s, and so would source %q of %s", s.Name, s.ToldSchema, o.Name, block),
					"a source with a toldSchema of its own for each destination, named by its sources")
				return
			}
		}
	}
}

// orphan refuses to leave a state behind that no destination has: each would begin anew,
// and impact.com would be sent everybody again.
func (l *loader) orphan() {
	c := l.config
	if len(c.Each) == 0 || slices.ContainsFunc(c.Each, func(one *Config) bool { return filepath.Clean(one.State.Path) == filepath.Clean(c.State.Path) }) {
		return
	}
	_, err := os.Stat(c.State.Path)
	l.must(err != nil, "state.path", "there is a state that no destination has, and new ones would send everybody again", "give it to the destination that it belongs to (destinations: state: {path: ...}), or move it away")
}

// conversionFolder returns where files of conversions go by default: beside the state.
func (c *Config) conversionFolder() string {
	folder := "conversions"
	if c.Name != "" {
		folder += "-" + c.Name
	}
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(filepath.Join(filepath.Dir(c.State.Path), folder)) + "/"}
	return u.String()
}
