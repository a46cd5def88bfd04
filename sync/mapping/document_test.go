package mapping

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi"
)

const documentPath = "../../docs/mapping.md"

func TestDocumentIsTheTable(t *testing.T) {
	t.Parallel()
	want := document()
	if *update {
		require.NoError(t, os.WriteFile(documentPath, []byte(want), 0o644))
	}
	got, err := os.ReadFile(documentPath)
	require.NoError(t, err)
	require.Equal(t, want, string(got), "docs/mapping.md is not what the table says: go test ./sync/mapping -update")
}

func document() string {
	var b strings.Builder
	b.WriteString(documentHead)
	b.WriteString(clickIDs)
	b.WriteString("## Parameters\n\n| impact.com parameter | sent on | Segment paths, in order | what is done | limit | source |\n|---|---|---|---|---|---|\n")
	sources := map[string]int{}
	var order []string
	row := func(name, on string, paths []string, rule string, p impactapi.Parameter, source string) {
		if sources[source] == 0 {
			order = append(order, source)
			sources[source] = len(order)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | [%d] |\n", name, on, code(paths), rule, limit(p), sources[source])
	}
	for _, l := range table {
		p, _ := lookupAny(l.name)
		row(l.name+documented(l), condition(l), l.paths, l.rule, p, l.source)
	}
	b.WriteString(requestHead)
	for _, l := range undocumented {
		p, _ := lookupAny(l.name)
		row(l.name, condition(l), l.paths, l.rule, p, l.source)
	}
	b.WriteString(differenceSection())
	b.WriteString("\n## Products\n\nEach element of `properties.products` becomes an item, numbered from 1. Paths are those in the product.\n\n" +
		"| impact.com parameter | sent on | paths in the product | what is done | limit | source |\n|---|---|---|---|---|---|\n")
	for _, l := range productTable {
		p, _ := lookupAny(l.name + "1")
		row(l.name+"[i]", "conversion", l.paths, l.rule, p, l.source)
	}
	b.WriteString(documentTail)
	for i, source := range order {
		fmt.Fprintf(&b, "%d. <%s>\n", i+1, source)
	}
	return b.String()
}

func code(paths []string) string {
	if len(paths) == 0 {
		return "-"
	}
	return "`" + strings.Join(paths, "`, `") + "`"
}

func limit(p impactapi.Parameter) string {
	switch p.Type {
	case impactapi.Text:
		return strconv.Itoa(p.MaxLen) + " characters"
	case impactapi.Integer:
		return strconv.Itoa(p.MaxLen) + " digits"
	}
	return p.Type.String()
}

// documented marks a line that impact.com does not document on its endpoint.
func documented(l line) string {
	for _, on := range []impactapi.Endpoint{impactapi.PageLoads, impactapi.Conversions} {
		if _, ok := impactapi.Lookup(on, l.name); !ok && l.on&on != 0 {
			return " (undocumented on " + on.String() + ")"
		}
	}
	return ""
}

func condition(l line) string {
	on := map[impactapi.Endpoint]string{impactapi.PageLoads: "page load", impactapi.Conversions: "conversion", both: "both"}[l.on]
	switch l.os {
	case apple:
		return on + ", Apple"
	case android:
		return on + ", Android"
	}
	return on
}

const documentHead = `# What is sent to impact.com

<!-- Made from sync/mapping/table.go by: go test ./sync/mapping -update -->

This page is made from the program's own table. Change the table, then run
` + "`go test ./sync/mapping -update`" + `; the test fails while the two differ.

## Which message becomes what

| Segment message | becomes | when |
|---|---|---|
| page | page load | ` + "`enablePageEvents`" + ` |
| screen | page load | ` + "`enableScreenEvents`" + ` |
| identify | page load | ` + "`enableIdentifyEvents`" + ` |
| track, named in ` + "`actionEventNames`" + ` (default Order Completed) | conversion | always |
| track, named in ` + "`installEventNames`" + ` (default Application Installed) | conversion with the app's PropertyId (as other clients do; not documented) | always |
| track, named in ` + "`pageLoadEventNames`" + ` (default Application Opened) | page load | always |
| any other track | nothing; counted by name (our choice, no document says) | |
| group, alias, delete | nothing; counted | |
| any message with ` + "`context.personas.computation_class`" + ` | nothing by itself: it moves a trait | |

A name in several lists goes by the first list, in the order above. Names are compared exactly.

## Trait updates

A changed audience or computed trait goes out as a page load with one parameter per trait: the trait key, and
` + "`true`, `false`" + ` or the value. **impact.com documents no such parameter on a page load.** It may use it, ignore it or warn about it; ask your
impact.com contact, and try it with ten people first. What *is* documented are the conversion parameters ` + "`Text1..50`" + ` and ` + "`CustomerStatus`" + `: map
` + "`Text1: traits.vip`" + ` under ` + "`customParameterMapping`" + ` and each conversion carries the person's value.

A trait update holds CampaignId, EventDate (when the value became wanted), CustomerId, CustomProfileId, CustomerEmail, PageUrl (setting
` + "`pageUrl`" + `), the custom mappings that read ` + "`traits.<key>`" + `, and the traits. A person of whom only an e-mail address is known cannot be addressed: refused.
A key that equals a parameter of impact.com (ignoring case and ` + "`_`" + `) is refused. Values are cut at 255 characters.

## Rules that always hold

Also after custom mappings:

- No e-mail address leaves in clear. An address is sent as its SHA-1 or cut out of the text or URL it stands in.
- Too long: identifiers are left out, and the message is refused when no other is left; descriptive text is cut and counted.
- Amounts are plain decimals with two places, half up; no exponent, no thousands separator.
- Nothing is dated in the future.
- Texts longer than 8 KiB are cut there before anything else. Control characters become spaces, and so do halves of characters (a text that was cut too short); ids that hold them are none.

## Custom mappings

` + "`customParameterMapping`" + ` (parameter: path) applies to page loads and conversions and wins over the paths below; an absent or unusable source leaves the default. Parameters that impact.com
documents on conversions only (` + "`Text1`, `CustomerStatus`, ..." + `) are sent on page loads too; there they are undocumented. ` + "`traits.<key>`" + ` reads the message, else the state.
` + "`userId`, `anonymousId`" + ` and the e-mail paths give the person as the table has them. ` + "`customMappingForProducts`" + ` (item parameter without its number: path in the product) goes before the paths of the product table.

`

const documentTail = `
Of an order's products the first 500 are sent. A product with neither a usable price nor a subtotal is dropped and counted; when none is left, Amount is sent instead.

## Sources

Where a source is Segment's or RudderStack's page, the path is the choice of Segment's older destination or of another client, because impact.com's own default table for Segment is not public.

`
