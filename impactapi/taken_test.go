package impactapi

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const queuedAnswer = `{"Status":"QUEUED","QueuedUri":"/Advertisers/IRtestAccount/APISubmissions/A-1"}`

// What a 2xx must say for each kind, or the request counts as of unknown fate.
func TestTaken(t *testing.T) {
	t.Parallel()
	const queuedXML = `<?xml version="1.0"?><ImpactRadiusResponse><Status>QUEUED</Status><QueuedUri>/Advertisers/IR/APISubmissions/A-1</QueuedUri></ImpactRadiusResponse>`
	for _, tt := range []struct {
		body             string
		pageLoad, queued bool
	}{
		{pageLoadAnswer, true, false},
		{`{"landingPage":"https://shop.example/","clickId":"c","warnings":[]}`, true, false},
		{`{"CLICKID":"c"}`, true, false},
		{`{"clickId":null}`, true, false},
		{`{"warnings":[]}`, true, false},
		{`{"warnings":[{"field":"vip","level":"ERROR","message":"no such thing"}]}`, true, false},
		{`{"errors":[],"warnings":[]}`, true, false},
		{"\ufeff" + pageLoadAnswer, true, false},
		{`{}`, true, false}, // every key is optional
		{queuedAnswer, true, true},
		{`{"status":"queued","queueduri":"/Advertisers/IR/APISubmissions/A-1","warnings":[]}`, true, true},
		{`{"ActionId":"1000.2000.3000","ActionUri":"/Advertisers/IR/Actions/1000.2000.3000"}`, true, true},
		{queuedXML, true, true},

		{"", false, false},
		{" \n", false, false},
		{"ok", false, false},
		{"null", false, false},
		{"[]", false, false},
		{`"QUEUED"`, false, false},
		{"<html>welcome</html>", false, false},
		{`{"error":"maintenance"}`, false, false},
		{`{"success":false}`, false, false},
		{`{"success":false,"warnings":[]}`, false, false},
		{`{"message":"we will be back soon"}`, false, false},
		{`{"Errors":[{"Field":"CampaignId","Message":"Not a numeric value"}]}`, false, false},
		{`{"errors":[{"field":"PageUrl","level":"ERROR","message":"is required"}],"warnings":[]}`, false, false},
		{`{"errors":{"PageUrl":"is required"},"warnings":[]}`, false, false},
		{`{"Status":"QUEUED"}`, false, false},
		{`{"Status":"QUEUED","QueuedUri":""}`, false, false},
		{`{"Status":"QUEUED","QueuedUri":null}`, false, false},
		{`{"Status":"QUEUED","QueuedUri":7}`, false, false},
		{`{"QueuedUri":"/Advertisers/IR/APISubmissions/A-1"}`, false, false},
		{`{"Status":"FAILED","QueuedUri":"/Advertisers/IR/APISubmissions/A-1"}`, false, false},
		{`{"Status":"ERROR","Message":"internal"}`, false, false},
		{`{"status":200}`, false, false},
		{`{"ActionId":"1000.2000.3000"}`, false, false},
		{`<ImpactRadiusResponse><Status>ERROR</Status></ImpactRadiusResponse>`, false, false},
		{`<ImpactRadiusResponse><Status>QUEUED</Status></ImpactRadiusResponse>`, false, false},
		{`<ImpactRadiusResponse></ImpactRadiusResponse>`, false, false},
		{`{"Status":"QUEUED","QueuedU`, false, false},
		{`{"cli`, false, false},
		{`{`, false, false},
	} {
		t.Run(tt.body, func(t *testing.T) {
			t.Parallel()
			for _, status := range []int{200, 201, 202} {
				c := served(t, answerWith(status, tt.body))
				_, errPageLoad := c.SendPageLoad(t.Context(), ready(NewPageLoad, validPageLoad()))
				_, errConversion := c.SendConversion(t.Context(), ready(NewConversion, validConversion()))
				for err, taken := range map[error]bool{errPageLoad: tt.pageLoad, errConversion: tt.queued} {
					if taken {
						require.NoError(t, err)
						continue
					}
					require.Error(t, err)
					require.True(t, Unclear(err) && Retryable(err) && Doubtful(err), "%v", err)
				}
			}
		})
	}

	t.Run("no content is no answer", func(t *testing.T) {
		t.Parallel()
		c := served(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
		_, err := c.SendPageLoad(t.Context(), ready(NewPageLoad, validPageLoad()))
		require.EqualError(t, err, "POST /PageLoad: 204 No Content: an empty answer does not say that it was taken")
	})

	t.Run("it is not asked again at once", func(t *testing.T) {
		t.Parallel()
		asked := 0
		c := served(t, func(w http.ResponseWriter, r *http.Request) { asked++; answerWith(200, "<html>")(w, r) })
		c.config.MaxRetries = 3
		_, err := c.SendConversion(t.Context(), ready(NewConversion, validConversion()))
		require.True(t, Unclear(err))
		require.Equal(t, 1, asked)
	})

	t.Run("a long answer counts by what was read of it", func(t *testing.T) {
		t.Parallel()
		long := strings.Repeat(`{"field":"a","level":"WARNING","message":"b"},`, 10_000)
		c := served(t, answerWith(200, queuedAnswer[:len(queuedAnswer)-1]+`,"warnings":[`+long+`null]}`))
		got, err := c.SendConversion(t.Context(), ready(NewConversion, validConversion()))
		require.NoError(t, err)
		require.Equal(t, "/Advertisers/IRtestAccount/APISubmissions/A-1", got.QueuedURI)
		require.Len(t, got.Warnings, 1)
	})

	t.Run("a look-up that cannot be read is an answer all the same", func(t *testing.T) {
		t.Parallel()
		c := served(t, answerWith(200, `<ImpactRadiusResponse><APISubmission/></ImpactRadiusResponse>`))
		_, err := c.Submission(t.Context(), "/Advertisers/"+testSID+"/APISubmissions/A-1")
		require.True(t, Unclear(err), "%v", err)
	})
}

// Whatever comes over the connection, a call ends with its context.
func TestEveryAnswerEnds(t *testing.T) {
	t.Parallel()
	forever := func(conn net.Conn, part string, every time.Duration) {
		for {
			if _, err := conn.Write([]byte(part)); err != nil {
				return
			}
			time.Sleep(every)
		}
	}
	for name, answer := range map[string]func(net.Conn){
		"101 and then silence": func(c net.Conn) {
			_, _ = c.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"))
			_, _ = c.Read(make([]byte, 1))
		},
		"101 without an upgrade": func(c net.Conn) {
			_, _ = c.Write([]byte("HTTP/1.1 101 Switching Protocols\r\n\r\n"))
			_, _ = c.Read(make([]byte, 1))
		},
		"a body that trickles": func(c net.Conn) {
			_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"))
			forever(c, " ", 5*time.Millisecond)
		},
		"a body without an end": func(c net.Conn) {
			_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\n\r\n"))
			forever(c, strings.Repeat("x", 4096), 0)
		},
		"chunks without an end": func(c net.Conn) {
			_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"))
			forever(c, "1\r\nx\r\n", 5*time.Millisecond)
		},
		"a header without an end": func(c net.Conn) {
			_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\nX: "))
			forever(c, "y", 5*time.Millisecond)
		},
		"headers without an end": func(c net.Conn) {
			_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\n"))
			forever(c, "X: y\r\n", 0)
		},
		"103 without an end": func(c net.Conn) { forever(c, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", time.Millisecond) },
		"100 without an end": func(c net.Conn) { forever(c, "HTTP/1.1 100 Continue\r\n\r\n", 5*time.Millisecond) },
		"nothing":            func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := New(Config{
				AccountSID: testSID, AuthToken: testToken, MaxRetries: -1, RequestTimeout: 300 * time.Millisecond,
				TrackingURL: rawServer(t, answer), APIURL: "http://api.invalid",
			})
			require.NoError(t, err)
			defer c.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			began := time.Now()
			_, err = c.SendPageLoad(ctx, ready(NewPageLoad, validPageLoad()))
			require.Error(t, err)
			require.True(t, Retryable(err) && Doubtful(err), "%v", err)
			require.Less(t, time.Since(began), 10*time.Second)
		})
	}

	t.Run("1xx are no final answers", func(t *testing.T) {
		t.Parallel()
		c := &Client{}
		for status := 100; status < 200; status++ {
			for _, p := range []proof{readable, queued, opened} {
				require.True(t, Unclear(c.judge(&answer{status: status}, p, nil)), status)
			}
		}
	})
}

// rawServer answers each request on a bare connection.
func rawServer(t *testing.T, answer func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					answer(conn)
				}
			}()
		}
	}()
	return fmt.Sprintf("http://%s", listener.Addr())
}
