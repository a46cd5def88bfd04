package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/spf13/cobra"
)

func (a *app) keyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "key [NAME...]",
		Short: "Print the trait key of a name",
		Long: `Print the trait key of each name, one per line: what impact.com sees for an audience
or computed trait of that name. Without arguments, names are read from stdin, one per
line. If Segment's own app shows another key, that one is right: set it under
audiences in the configuration.` + exits("every name has a key", "64  a name has no key"),
		Example: `  impactsync key "Order Completed Last 30days"      order_completed_last_30days`,
		RunE: func(_ *cobra.Command, names []string) error {
			if len(names) == 0 {
				var err error
				if names, err = lines(a.stdin); err != nil {
					return fmt.Errorf("read names: %w", err)
				}
			}
			return a.keys(names)
		},
	}
}

func (a *app) keys(names []string) error {
	type named struct {
		Name string `json:"name"`
		Key  string `json:"key"` // empty if the name has none
	}
	all := make([]named, len(names))
	var without []string
	for i, name := range names {
		all[i] = named{name, segment.TraitKey(name)}
		if all[i].Key == "" {
			without = append(without, fmt.Sprintf("%q", name))
		}
	}
	err := a.result(all, nil, func(w io.Writer) {
		for _, n := range all {
			fmt.Fprintln(w, n.Key)
		}
	})
	if err == nil && len(without) > 0 {
		err = usage("a key needs an ASCII letter or digit, and has at most 255 characters", "no key can be made of %s", strings.Join(without, ", "))
	}
	return err
}

func lines(r io.Reader) (all []string, err error) {
	s := bufio.NewScanner(r)
	for s.Scan() {
		if text := strings.TrimSuffix(s.Text(), "\r"); text != "" {
			all = append(all, text)
		}
	}
	return all, s.Err()
}
