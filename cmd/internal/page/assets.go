package page

import (
	"crypto/sha256"
	_ "embed" // style and script
	"encoding/base64"
)

//go:embed style.css
var style string

//go:embed page.js
var script string

// policy is the content security policy of a page: nothing is loaded from anywhere,
// and of styles and scripts only its own.
var policy = "default-src 'none'; img-src data:; style-src '" + hash(style) + "'; script-src '" + hash(script) + "'; base-uri 'none'; form-action 'self'"

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
