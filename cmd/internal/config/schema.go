package config

import _ "embed"

//go:embed schema.json
var schema []byte

// Schema returns the JSON schema (draft 2020-12) of the configuration file, for
// editors and for checks before a roll-out. It knows keys and types; what
// depends on several keys is checked by [Load] alone.
func Schema() ([]byte, error) { return schema, nil }
