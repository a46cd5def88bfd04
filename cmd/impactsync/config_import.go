package main

import (
	"fmt"
	"io"
	"os"

	"github.com/impactsync/impactsync/cmd/internal/config"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/impactsync/impactsync/sync/mapping"
	"github.com/spf13/cobra"
)

func (a *app) configImport() *cobra.Command {
	var file, destination string
	c := &cobra.Command{
		Use:   "import --segment FILE",
		Short: "Make a configuration from the hosted destination's settings",
		Long: `Read the settings of Segment's destination "Impact Partnership Cloud" and print a
configuration file that does the same. FILE is JSON: the settings as Segment's app
shows them, or what its Public API answers to GET /destinations or
GET /destinations/ID; - reads them from stdin. The Auth Token is not copied:
the file reads it from IMPACT_AUTH_TOKEN. The file's comments and stderr say what
remains for you to do.` + exits("printed", "3   printed, but a part of it cannot be used: see stderr", "64  usage, or the file has no settings of this destination"),
		Example: `  impactsync config import --segment settings.json > impactsync.yaml`,
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return a.importConfig(file, destination) },
	}
	c.Flags().StringVar(&file, "segment", "", "file with Segment's settings; - for stdin")
	c.Flags().StringVar(&destination, "destination", "", "id or name of the destination, if the file has several")
	return c
}

func (a *app) importConfig(file, destination string) error {
	if file == "" {
		return usage("impactsync config import --segment settings.json", "the file with Segment's settings is not named")
	}
	in := a.stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return usage("", "read Segment's settings: %w", err)
		}
		defer f.Close()
		in = f
	}
	hosted, err := config.FromSegment(in, destination)
	if err != nil {
		return usage("save the answer of Segment's Public API to GET /destinations/ID, or the settings as JSON; --destination chooses one of several", "%s: %w", file, err)
	}
	view := struct {
		Config string   `json:"config"`
		Traits []string `json:"traits,omitempty"`
		Notes  []string `json:"notes,omitempty"`
	}{string(hosted.YAML), hosted.Traits, hosted.Notes}
	err = a.result(view, nil, func(w io.Writer) {
		fmt.Fprint(w, view.Config)
		for _, note := range hosted.Notes {
			fmt.Fprintln(a.stderr, "impactsync: note:", note)
		}
	})
	if err != nil {
		return err
	}
	if err := usable(hosted); err != nil {
		return &failure{impactsync.ExitRefused, err, "correct these lines of the printed file, then run impactsync config check"}
	}
	return nil
}

// usable returns the error with which a run would refuse the file.
func usable(h config.Hosted) error {
	c, err := h.Check()
	if err != nil {
		return err
	}
	_, err = mapping.New(settings(c))
	return err
}
