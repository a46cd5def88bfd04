package standin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
)

// File is a stand-in whose space is in a JSON file, which is read for every request, so
// that it can be edited meanwhile.
type File string

type contents struct {
	Space
	PublicToken  string  `json:"publicToken"`
	ProfileToken string  `json:"profileToken"`
	Faults       []Fault `json:"faults"`
}

// Check returns an error if the file cannot be used.
func (f File) Check() error {
	_, err := f.read()
	return err
}

func (f File) read() (c contents, err error) {
	data, err := os.ReadFile(string(f))
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return c, fmt.Errorf("%s: %w", string(f), err)
	}
	return c, nil
}

// ServeHTTP implements http.Handler.
func (f File) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c, err := f.read()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	s := New(c.Space)
	s.PublicToken, s.ProfileToken = c.PublicToken, c.ProfileToken
	s.Fail(c.Faults...)
	s.ServeHTTP(w, r)
}
