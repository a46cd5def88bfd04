package main

import (
	"bytes"
	"compress/gzip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSpoolIsSweptWhenAllHaveRead wants a file of the spool to stay until each destination
// has read it.
func TestSpoolIsSweptWhenAllHaveRead(t *testing.T) {
	t.Parallel()
	p, k := newShops(t)
	text := read(t, filepath.Join(p.dir, "impactsync.yaml"))
	p.write("secret", "s3cret\n")
	p.write("impactsync.yaml", strings.Replace(text, "file://./log/", "file://./spool/, honourIntegrations: false", 1)+"receive: {secretFile: secret, keep: 0s}\n")
	for _, name := range []string{"1", "2"} {
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		_, err := z.Write([]byte(`{"type":"track","event":"Order Completed","messageId":"s` + name + `","userId":"s","properties":{"order_id":"s` + name + `","total":1},"timestamp":"2026-11-20T10:00:00Z"}` + "\n"))
		require.NoError(t, err)
		require.NoError(t, z.Close())
		p.write("spool/"+name+".ndjson.gz", packed.String())
	}
	files := func() int {
		names, err := filepath.Glob(filepath.Join(p.dir, "spool", "*.gz"))
		require.NoError(t, err)
		return len(names)
	}
	for _, name := range []string{"us", "eu"} {
		out, err := p.command("run", "--destination", name).CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Equal(t, 2, files(), "outlet has not read them")
	}
	out, err := p.command("run").CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Equal(t, 1, files(), "the newest stays")
	all, again := k.total()
	require.Equal(t, 3*(40+2), all)
	require.Zero(t, again)
}
