package main

import (
	"time"

	"github.com/impactsync/impactsync/cmd/internal/config"
	"github.com/impactsync/impactsync/sync/catalogue"
	"github.com/impactsync/impactsync/sync/segmentapi"
)

func segmentOptions() segmentapi.Options {
	name, _ := build()
	return segmentapi.Options{UserAgent: "impactsync/" + name + " (+https://github.com/impactsync/impactsync)", Wait: segmentWait}
}

// segmentWait is how long the first repeat of a call to Segment waits; tests make it
// shorter.
var segmentWait = time.Second

// segmentCatalogue returns what the configuration says of Segment's Public API; nil: it
// is not asked.
func segmentCatalogue(c *config.Config) *catalogue.Catalogue {
	s := &c.Segment
	if s.Token == "" {
		return nil
	}
	return catalogue.New(catalogue.Config{
		API: segmentapi.NewPublic(s.APIURL, string(s.Token), segmentOptions()), Space: s.SpaceID, Required: s.Required, Keep: s.KeepFor,
		Accepted: s.AcceptStatuses, Unchecked: s.Unchecked, Suppressions: s.Suppressions, Far: s.Share(),
		Keys: segmentKeys(c),
	})
}

// segmentKeys returns Segment's keys of traits that have others here.
func segmentKeys(c *config.Config) map[string]string {
	keys := map[string]string{}
	for i := range c.Sources {
		s := &c.Sources[i]
		for j := range s.Audiences {
			if a := &s.Audiences[j]; s.Kind == config.KindWarehouse && s.Reader != config.ReaderQuery && a.SegmentKey() != a.Key {
				keys[a.Key] = a.SegmentKey()
			}
		}
	}
	return keys
}

// profileAPI returns the client of Segment's Profile API, or an error that says what to
// configure.
func profileAPI(c *config.Config) (*segmentapi.Profiles, error) {
	s := &c.Segment
	if s.ProfileToken == "" {
		return nil, usage("Unify, Settings, API access makes one; put it into a file", "segment.profileTokenFile is missing: the access token of the space's Profile API")
	}
	return segmentapi.NewProfiles(s.ProfileURL, s.SpaceID, string(s.ProfileToken), segmentOptions()), nil
}
