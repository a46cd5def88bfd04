package config

import (
	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/sync/segment"
)

// traitKey is the key of an entry, or "" where only the file's name tells.
func traitKey(a Audience) string {
	if a.Key != "" {
		return a.Key
	}
	return segment.TraitKey(a.Name)
}

// reserved reports whether impact.com has a parameter of this name.
func reserved(key string) bool { return impactapi.Reserved(key) }
