package config

import (
	"fmt"
	"log/slog"
	"net/url"
)

// Secret is a text that must not be printed. Convert it to string to use it.
type Secret string

const redacted = "[redacted]"

// String hides the text; an empty secret stays empty.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// GoString hides the text from %#v.
func (s Secret) GoString() string { return fmt.Sprintf("%q", s.String()) }

// MarshalText hides the text from encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue hides the text from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// LogValue is what a log may show of the configuration: no secret, and of URLs
// neither user nor query, which may hold keys.
func (c *Config) LogValue() slog.Value {
	sources := make([]string, len(c.Sources))
	for i, s := range c.Sources {
		sources[i] = s.Name + "=" + bareURL(s.URL)
	}
	return slog.GroupValue(
		slog.String("accountSid", c.Destination.AccountSID),
		slog.String("campaignId", c.Destination.CampaignID),
		slog.Any("apiKey", c.Destination.APIKey),
		slog.String("trackingURL", bareURL(c.Destination.TrackingURL)),
		slog.String("apiURL", bareURL(c.Destination.APIURL)),
		slog.Any("sources", sources),
		slog.String("state", c.State.Path),
	)
}

// String is the text of LogValue.
func (c *Config) String() string { return c.LogValue().String() }

func bareURL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return redacted
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}
