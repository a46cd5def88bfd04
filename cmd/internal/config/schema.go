package config

import _ "embed"

//go:embed schema.json
var schema []byte

// Schema returns the JSON schema (draft 2020-12) of the configuration file, for
// editors and for checks before a rollout. It knows keys and types; only [Load]
// checks what depends on several keys.
func Schema() []byte { return schema }
