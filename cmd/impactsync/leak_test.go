package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/impactapi/sandbox"
	"github.com/stretchr/testify/require"
)

// What must never be seen: each address is planted in one kind of place.
const (
	plantedToken   = "AUTHTOKENplanted0001"
	plantedWrite   = "WRITEKEYplanted0002"
	plantedHash    = "HASHKEYplanted0003HASHKEYplanted0003"
	plantedSegment = "SEGMENTTOKENplanted0004"
	plantedDomain  = "mail-planted.example"
)

// leaks is a place with secrets and addresses everywhere, and all that was said.
type leaks struct {
	*process
	said  bytes.Buffer
	mode  atomic.Int64
	calls string
	pages int
}

// addr is an address that tells where it was planted.
func addr(place string) string { return place + "@" + plantedDomain }

func newLeaks(t *testing.T) *leaks {
	t.Helper()
	l := &leaks{process: &process{t: t, dir: t.TempDir()}}
	l.calls = filepath.Join(l.dir, "calls.ndjson")
	box, err := sandbox.New(sandbox.Config{AccountSID: "IR1", AuthToken: plantedToken, LogFile: l.calls, Fault: l.fault})
	require.NoError(t, err)
	server := httptest.NewServer(l.echo(box.Handler()))
	t.Cleanup(func() { server.Close(); require.NoError(t, box.Close()) })
	l.url = server.URL
	l.configure()
	return l
}

// The ways in which the server fails.
const (
	modeGood = iota
	modeReset
	modeDown
	modeEcho // refuses, and tells everything it was asked
	modeGarbage
)

func (l *leaks) fault(*http.Request, impactapi.Params) sandbox.Fault {
	switch l.mode.Load() {
	case modeReset:
		return sandbox.Fault{Drop: sandbox.DropAfter}
	case modeDown:
		return sandbox.Fault{Status: http.StatusServiceUnavailable}
	}
	return sandbox.Fault{}
}

func (l *leaks) echo(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch l.mode.Load() {
		case modeEcho:
			body, _ := io.ReadAll(r.Body)
			auth := r.Header.Get("Authorization")
			_, password, _ := r.BasicAuth()
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"Status":"ERROR","Message":"%s %s %s %s %s"}`, r.URL, auth, password, strings.ReplaceAll(string(body), `"`, `'`), addr("answer"))
		case modeGarbage:
			fmt.Fprintf(w, "<html>%s %s %s", r.Header.Get("Authorization"), addr("garbage"), strings.Repeat("x", 100_000))
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func (l *leaks) configure() {
	l.write("impactsync.yaml", `destination:
  accountSid: IR1
  apiKey: `+plantedToken+`
  campaignId: "23224"
  pageUrl: https://shop.example/
  trackingURL: `+l.url+`
  apiURL: `+l.url+`
  enablePageEvents: true
  enableIdentifyEvents: true
  customParameterMapping: {Text1: properties.note, Text2: context.secret, CustomerStatus: properties.status, OrderPromoCode: userId, Text3: messageId}
  customMappingForProducts: {ItemName: label}
  actionEventNames: [Order Completed, Sale]
sources:
  - {name: web, kind: events, url: "file://./logs/", traits: {include: ["*"]}}
  - {name: exports, kind: audiences, url: file://./lists/}
state: {path: state.db}
delivery: {workers: 4, requestTimeout: 2s, pageLoadsPerSecond: 0}
privacy:
  hashKey: `+plantedHash+`
  suppressionList: file://./suppressed/
  segmentToken: `+plantedSegment+`
  segmentURL: `+l.url+`
`)
	config, err := os.ReadFile(filepath.Join(l.dir, "impactsync.yaml"))
	require.NoError(l.t, err)
	l.write("noapi.yaml", strings.ReplaceAll(string(config), "  segmentToken: "+plantedSegment+"\n", ""))
}

// message is a line of a log, with an address in every place that has texts.
func message(kind string, n int, more string) string {
	at := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	place := fmt.Sprintf("%s%d", kind, n)
	return fmt.Sprintf(`{"type":%q,"messageId":"m-%s","writeKey":%q,"timestamp":%q,"_metadata":{"x":%q},`, kind, addr(place+"messageid"), plantedWrite, at, addr("meta")) +
		`"context":{"ip":"8.8.8.8","userAgent":"UA ` + addr("agent") + `","secret":"` + plantedDomainText("context") + `","page":{"url":"https://shop.example/` + addr("path") + `?e=` +
		strings.Replace(addr("query"), "@", "%40", 1) + `&f=` + strings.Replace(addr("twice"), "@", "%2540", 1) + `&im_ref=` + addr("click") + `","referrer":"https://` + addr("userinfo") + `/x","search":"?im_ref=` + addr("search") + `"},"traits":{"email":"` + addr("ctraits") + `"},` +
		`"campaign":{"name":"` + addr("campaign") + `"},"device":{"id":"` + addr("device") + `"}},` + more + `}`
}

func plantedDomainText(place string) string {
	return "see " + addr(place) + ", " + strings.ToUpper(addr("upper"))
}

func (l *leaks) inputs() {
	engage := func(key, value string) string {
		return `"userId":"u8","traits":{"` + key + `":` + value + `},"context":{"personas":{"computation_class":"trait","computation_key":"` + key + `"}}`
	}
	order := `"properties":{"order_id":"o-` + addr("order") + `","coupon":"` + addr("coupon") + `","revenue":10,"note":"` + addr("note") + `","status":"` + addr("status") + `",
		"products":[{"product_id":"` + addr("product") + `","name":"` + addr("productname") + `","label":"` + addr("label") + `","price":1,"quantity":1}]}`
	lines := []string{
		message("page", 1, `"userId":"`+addr("userid")+`","anonymousId":"a1","properties":{"url":"https://x.example/?`+addr("props")+`"}`),
		message("page", 2, `"userId":"user:`+addr("prefixeduser")+`","properties":{"title":"`+addr("title")+`"}`),
		message("page", 3, `"anonymousId":"`+addr("anonymous")+`","properties":{}`),
		message("page", 4, `"anonymousId":"device `+addr("prefixedanonymous")+`","properties":{}`),
		message("identify", 5, `"userId":"u5","traits":{"email":"`+addr("traits")+`","phone":"`+addr("phone")+`"}`),
		message("track", 6, `"userId":"u6","event":"Order Completed",`+order),
		message("track", 7, `"userId":"u7","event":"Sale",`+order),
		message("track", 8, `"userId":"u6","event":"Order Completed","properties":{"order_id":"`+addr("bareorder")+`","revenue":"`+addr("money")+`"}`),
		message("track", 9, `"userId":"u8","event":"Unlisted `+addr("event")+`","properties":{}`),
		message("weird "+addr("type"), 10, `"userId":"u8"`),
		`{"type":"identify","messageId":"e1","timestamp":"2026-01-01T00:00:00Z",` + engage("points", `"`+addr("value")+`"`) + `}`,
		`{"type":"identify","messageId":"e2","timestamp":"2026-01-01T00:00:00Z",` + engage("text", `"call `+addr("valuetext")+`"`) + `}`,
		`{"type":"identify","messageId":"e3","timestamp":"2026-01-01T00:00:00Z",` + engage(addr("traitkey"), `1`) + `}`,
		`{"type":"identify","messageId":"e4","userId":"u8","context":{"personas":{"computation_class":"audience","computation_key":"vip","computation_id":"` + addr("computation") + `","space_id":"` + addr("space") + `"}},"traits":{"vip":"` + addr("novalue") + `"}}`,
		`{"type":"page","writeKey":"` + plantedWrite + `","userId":"` + addr("broken") + `"`,
		plantedWrite + " " + addr("junk"),
		`{"type":"page","timestamp":"` + addr("time") + `","userId":"u9","messageId":["` + addr("list") + `"]}`,
		`{"type":"delete","userId":"` + addr("deleted") + `"}`,
	}
	text := strings.Join(lines, "\n")
	text = strings.ReplaceAll(text, "\n\t\t", "") + "\n"
	l.write("logs/a.ndjson", text)
	l.write("logs/"+addr("logfile")+".ndjson", message("page", 20, `"userId":"u20"`)+"\n")
	l.write("logs/cut-"+addr("zipfile")+".gz", "\x1f\x8bgarbage")
	l.write("logs/junk-"+addr("junkfile")+".log", strings.Repeat(addr("junkline")+" "+plantedWrite+"\n", 200))
	l.write("lists/VIP.csv", "user_id,anonymous_id,email\nu1,a-1,"+addr("csvemail")+"\n"+addr("csvuser")+",,\nid "+addr("csvprefixed")+",,\n,"+addr("csvanonymous")+",\nu2,,\n")
	l.write("lists/Broken.csv", "user_id,email\nu2,\n\""+addr("csvbroken")+"\n")
	l.write("lists/Wide.csv", "user_id\nu2,"+addr("csvwide")+"\n")
	l.write("lists/Gold.csv", "user_id,email\nu1,"+addr("gold")+"\nx:"+addr("goldprefixed")+",\n")
	l.write("lists/list of "+addr("listfile")+".csv", "user_id\nu1\n")
	l.write("lists/Score.csv", "user_id,value\nu1,"+addr("csvvalue")+"\nu3,tell "+addr("csvvaluetext")+"\n")
	l.write("lists/Headers.csv", "user_id,"+addr("header")+"\nu1,x\n")
	l.write("lists/NoHeader.csv", addr("noheader")+"\n"+addr("noheader2")+"\n")
	l.write("lists/members.ndjson", `{"userId":"u1","x":"`+addr("json")+`"}`+"\n"+addr("jsonbroken")+"\n")
	l.write("suppressed/"+addr("suppressedfile")+".txt", addr("suppressed")+"\nu77\n")
}

// runs does it all: the runs fail in one way after the other.
func (l *leaks) runs() {
	l.write("logs/late.ndjson", message("track", 30, `"userId":"u41","event":"Order Completed","properties":{"order_id":"late `+addr("late")+`","subtotal":3,"note":"`+plantedDomainText("late")+`"}`)+"\n")
	l.write("lists/First.csv", "user_id\nu1\n")
	l.write("suppressed/first.txt", "u88\n")
	l.do("run", "--config", "noapi.yaml")
	l.inputs()
	l.do("run") // Segment's API does not answer as documented
	l.do("run", "--config", "noapi.yaml", "--limit", "5")
	for _, mode := range []int64{modeDown, modeGarbage, modeReset, modeEcho, modeGood, modeGood} {
		l.mode.Store(mode)
		l.fresh()
		l.do("run", "--config", "noapi.yaml", "--deadline", "2s")
		l.do("run", "--config", "noapi.yaml", "--deadline", "1s", "--json")
		l.do("refused", "retry", "--config", "noapi.yaml")
	}
	for _, args := range [][]string{
		{"plan"}, {"status"}, {"status", "--json"}, {"refused", "list"}, {"refused", "list", "--json"}, {"rejected", "list"}, {"rejected", "list", "--json"}, {"doctor"},
		{"explain", "u1"}, {"explain", addr("userid")}, {"explain", "u6"}, {"explain", "u8"}, {"forget", addr("csvuser")}, {"forget", "user:" + addr("prefixeduser")}, {"config", "check"}, {"state", "check"}, {"key", "x"},
	} {
		l.do(append(args, "--config", "noapi.yaml")...)
	}
	l.mode.Store(modeEcho)
	l.do("doctor")
	l.write("secret.yaml", "destination:\n  apiKey: ["+plantedToken+"]\n  accountSid: {a: "+plantedToken+"}\nprivacy: {hashKey: x"+plantedToken[:10]+"}\nbogus: 1\n")
	l.do("run", "--config", "secret.yaml")
}

// fresh is a page of somebody new, so that every mode has something to send at once.
func (l *leaks) fresh() {
	l.t.Helper()
	l.pages++
	who := fmt.Sprint("fresh", l.pages)
	l.write("logs/"+who+".ndjson", message("page", 100+l.pages, `"userId":"`+who+`"`)+"\n")
}

// serve runs the daemon, whose runs fail in one way after the other, and reads
// what it serves.
func (l *leaks) serve() {
	l.t.Helper()
	config, err := os.ReadFile(filepath.Join(l.dir, "noapi.yaml"))
	require.NoError(l.t, err)
	l.write("daemon.yaml", string(config)+"schedule: \"@every 1s\"\n")
	l.inputs() // anew: there is something to read, to reject and to send
	c := l.command("daemon", "--config", "daemon.yaml", "--deadline", "2s", "--listen", "127.0.0.1:0")
	out, err := c.StderrPipe()
	require.NoError(l.t, err)
	require.NoError(l.t, c.Start())
	var said bytes.Buffer
	log := watch(io.TeeReader(out, &said))
	url := log.wait(l.t, "listening")["url"].(string)
	for _, mode := range []int64{modeGood, modeDown, modeGarbage, modeReset, modeEcho, modeGood} {
		l.mode.Store(mode)
		l.fresh()
		l.do("refused", "retry", "--config", "noapi.yaml")
		log.wait(l.t, "run ended")
		log.wait(l.t, "run ended") // it began in this mode
		for _, path := range []string{"/healthz", "/metrics", "/"} {
			l.get(url + path)
		}
	}
	require.NoError(l.t, c.Process.Signal(os.Interrupt))
	for range log.lines { // to its end
		continue
	}
	require.NoError(l.t, c.Wait())
	l.said.Write(said.Bytes())
}

func (l *leaks) get(url string) {
	l.t.Helper()
	req, err := http.NewRequestWithContext(l.t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(l.t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(l.t, err)
	defer res.Body.Close()
	fmt.Fprintf(&l.said, "GET %s: %s %v\n", url, res.Status, res.Header)
	_, err = io.Copy(&l.said, res.Body)
	require.NoError(l.t, err)
}

func (l *leaks) do(args ...string) {
	l.t.Helper()
	out, _ := l.command(args...).CombinedOutput()
	fmt.Fprintf(&l.said, "$ %s\n%s\n", args[0], out)
}

// found returns the lines, or what stands around, wherever something planted shows.
func (l *leaks) found() (found []string) {
	l.t.Helper()
	seen := map[string]bool{} // one of each will do
	look := func(where string, data []byte) {
		low := bytes.ToLower(data)
		for _, secret := range []string{plantedToken, plantedWrite, plantedHash, plantedSegment, base64.StdEncoding.EncodeToString([]byte("IR1:" + plantedToken)), "@" + plantedDomain, "%40" + plantedDomain, "%2540" + plantedDomain} {
			want := []byte(strings.ToLower(secret))
			for at := 0; ; {
				i := bytes.Index(low[at:], want)
				if i < 0 {
					break
				}
				at += i + len(want)
				place := string(low[max(0, at-len(want)-24):at])
				if place = where + place[strings.LastIndexAny(place, " \"=/?&:")+1:]; seen[place] {
					continue
				}
				seen[place] = true
				found = append(found, fmt.Sprintf("%s: %q", where, data[max(0, at-len(want)-60):min(len(data), at+10)]))
			}
		}
	}
	look("output", l.said.Bytes())
	require.NoError(l.t, filepath.WalkDir(l.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasPrefix(d.Name(), "state.db") && d.Name() != "calls.ndjson" {
			return err
		}
		data, err := os.ReadFile(path)
		look(d.Name(), data)
		return err
	}))
	return found
}

func TestNothingPlantedIsEverSeen(t *testing.T) {
	t.Parallel()
	l := newLeaks(t)
	l.runs()
	l.serve()
	if testing.Verbose() {
		t.Log(l.said.String())
	}
	calls, err := os.ReadFile(l.calls)
	require.NoError(t, err)
	for _, something := range []string{"vip", "/Conversions", `"Text2":`, `"status":200`, `"status":503`, `"status":0`} {
		if !strings.Contains(string(calls), something) { // all of them would be too much to read
			t.Fatalf("no %s among the calls: the test tests nothing", something)
		}
	}
	for _, something := range []string{"refused", "unknown", "rejected", "damaged", "answers 404", "200 OK", `impactsync_due{kind="trait",status="refused"}`, `impactsync_runs_total{exit_code="1"}`} {
		if !strings.Contains(l.said.String(), something) {
			t.Fatalf("no %s in the output: the test tests nothing", something)
		}
	}
	found := l.found()
	if len(found) > 40 {
		found = append(found[:40], fmt.Sprint(len(found)))
	}
	require.Empty(t, found, strings.Join(found, "\n"))
}
