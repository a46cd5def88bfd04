package sandbox

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/impactsync/impactsync/impactapi"
)

// exchange is one request and the answer that it will get.
type exchange struct {
	r      *http.Request
	header http.Header
	random *rand.Rand // by the seed and the number of the request alone
	at     time.Time
	form   impactapi.Params

	status int
	body   []byte
}

// Handler returns an http.Handler for both of impact.com's hosts. To serve it below
// a path, wrap it in http.StripPrefix.
func (s *Sandbox) Handler() http.Handler { return http.HandlerFunc(s.serve) }

// serve is the life of a request: read it, choose a fault, take it, log it, wait,
// answer.
func (s *Sandbox) serve(w http.ResponseWriter, r *http.Request) {
	x := &exchange{r: r, header: w.Header(), random: rand.New(rand.NewPCG(s.config.Seed, s.sequence.Add(1))), at: s.now()}
	form, err := readForm(r)
	x.form = form
	fault := s.fault(x)
	if fault.Drop == DropBefore {
		drop(w)
		return
	}
	switch {
	case err != nil:
		x.refuseBody(err)
	case fault.Status == 0 || fault.Taken:
		s.take(x)
	}
	if fault.Status != 0 {
		x.replace(fault)
	}
	call := &Call{At: x.at, Method: r.Method, Path: r.URL.Path, Form: x.form, Status: x.status}
	dropped := fault.Drop != DropNever && x.status == http.StatusOK
	if dropped {
		call.Status = 0
	}
	if err := s.log.write(call); err != nil {
		x.status, x.body = http.StatusInternalServerError, []byte(`{"Status":"ERROR","Message":"the call log cannot be written"}`)
	}
	wait(r, s.config.Latency+fault.Delay)
	if dropped && fault.Drop == DropAfter {
		drop(w)
		return
	}
	x.answer(w, dropped)
}

func wait(r *http.Request, d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-time.After(d):
	case <-r.Context().Done():
	}
}

// answer sends the answer, or only half of it.
func (x *exchange) answer(w http.ResponseWriter, half bool) {
	if x.header.Get("Content-Type") == "" {
		x.header["Content-Type"] = []string{"application/json"}
	}
	x.header["Content-Length"] = []string{strconv.Itoa(len(x.body))}
	w.WriteHeader(x.status)
	if half {
		_, _ = w.Write(x.body[:len(x.body)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(x.body) // the client may have gone
}

func (x *exchange) replace(f Fault) {
	x.status, x.body = f.Status, []byte(f.Body)
	for name, values := range f.Header {
		x.header[name] = values
	}
}

// reply answers with a value as JSON.
func (x *exchange) reply(status int, v any) {
	x.status, x.body = status, bytes.TrimSpace(encode(v))
}

// refuse answers with the short form of an error, documented for 401 and 403.
func (x *exchange) refuse(status int) {
	title := http.StatusText(status)
	switch status {
	case http.StatusForbidden:
		title = "Access Denied"
	case http.StatusRequestEntityTooLarge:
		title = "Payload Too Large"
	}
	x.reply(status, struct {
		Status int    `json:"status"`
		Title  string `json:"title"`
	}{status, title})
}

func (x *exchange) refuseBody(err error) {
	switch {
	case errors.Is(err, errTooLarge):
		x.refuse(http.StatusRequestEntityTooLarge)
	case errors.Is(err, errBodyType):
		x.refuse(http.StatusUnsupportedMediaType)
	default:
		x.refuse(http.StatusBadRequest)
	}
}

// take answers the call that the path names.
func (s *Sandbox) take(x *exchange) {
	path := x.r.URL.Path
	if path == "/PageLoad" || path == "/AppInstall" {
		if x.allow(http.MethodPost) {
			s.pageLoad(x)
		}
		return
	}
	rest, found := strings.CutPrefix(path, "/Advertisers/")
	if !found {
		x.refuse(http.StatusNotFound)
		return
	}
	sid, resource, _ := strings.Cut(rest, "/")
	if !s.authorize(x, sid) {
		return
	}
	if !s.limiter.take(x.header, x.at) {
		x.status, x.body = http.StatusTooManyRequests, []byte(`{"Status":"ERROR","Message":"Too many requests"}`)
		return
	}
	s.account(x, sid, strings.TrimSuffix(resource, "/"))
}

// account answers a call below /Advertisers/{AccountSID}/.
func (s *Sandbox) account(x *exchange, sid, resource string) {
	kind, id, _ := strings.Cut(resource, "/")
	if slices.Contains(s.config.Forbidden, kind) {
		x.refuse(http.StatusForbidden)
		return
	}
	if err := s.pickUp(x.at); err != nil {
		x.status, x.body = http.StatusInternalServerError, []byte(`{"Status":"ERROR","Message":"the folder of files cannot be read"}`)
		return
	}
	switch {
	case resource == "Conversions":
		if x.allow(http.MethodPost) {
			s.conversion(x, sid)
		}
	case resource == "Actions":
		s.actionsCall(x, sid)
	case x.allow(http.MethodGet):
		s.get(x, sid, kind, id)
	}
}

// actionsCall answers each method of Actions. A client without PUT and DELETE may
// name them in a POST.
//
// https://integrations.impact.com/brand-api-reference/readme/requests
func (s *Sandbox) actionsCall(x *exchange, sid string) {
	method := x.r.Method
	if method == http.MethodPost {
		method = first(x.form, "_method")
	}
	switch method {
	case http.MethodPut, http.MethodDelete:
		s.changeAction(x, sid, method == http.MethodDelete)
	default:
		if x.allow(http.MethodGet, http.MethodPut, http.MethodDelete) {
			s.listActions(x, sid)
		}
	}
}

func (s *Sandbox) get(x *exchange, sid, kind, id string) {
	switch {
	case kind == "FTPFileSubmissions":
		s.fileSubmissions(x, sid, id)
	case kind == "Actions":
		s.action(x, sid, id)
	case kind == "ActionUpdates" && id == "":
		s.listUpdates(x, sid)
	case kind == "ActionUpdates":
		s.update(x, sid, id)
	case kind == "CompanyInformation" && id == "":
		s.companyInformation(x)
	case kind == "Campaigns":
		s.campaign(x, sid, id)
	case kind == "APISubmissions":
		s.submission(x, sid, id)
	default:
		x.refuse(http.StatusNotFound)
	}
}

// authorize answers 401 to missing or wrong credentials, and 403 to valid ones on
// another account.
func (s *Sandbox) authorize(x *exchange, sid string) bool {
	user, token, ok := x.r.BasicAuth()
	known := s.config.AccountSID == "" || user == s.config.AccountSID && token == s.config.AuthToken
	switch {
	case !ok || user == "" || token == "" || !known:
		x.header.Set("WWW-Authenticate", `Basic realm="sandbox"`)
		x.refuse(http.StatusUnauthorized)
	case user != sid:
		x.refuse(http.StatusForbidden)
	default:
		return true
	}
	return false
}

// allow reports whether the request has one of the methods, and refuses it if not.
func (x *exchange) allow(methods ...string) bool {
	if slices.Contains(methods, x.r.Method) {
		return true
	}
	x.header.Set("Allow", strings.Join(methods, ", "))
	x.refuse(http.StatusMethodNotAllowed)
	return false
}
