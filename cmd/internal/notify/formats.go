package notify

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// The formats of bodies.
const (
	JSON      = "json"
	Slack     = "slack"
	Teams     = "teams"
	PagerDuty = "pagerduty"
)

type object = map[string]any

// body returns a notice in the webhook's format.
func (w *Webhook) body(n Notice) ([]byte, error) {
	switch w.Format {
	case JSON:
		return json.Marshal(n)
	case Slack:
		return json.Marshal(slackMessage(n))
	case Teams:
		return json.Marshal(teamsMessage(n))
	case PagerDuty:
		return json.Marshal(pagerDutyEvent(n, w.Token))
	}
	return nil, fmt.Errorf("there is no format %q", w.Format)
}

// slackText escapes the three characters that Slack gives a meaning
// (https://docs.slack.dev/messaging/formatting-message-text#escaping).
var slackText = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// slackMessage is for an incoming webhook
// (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks).
func slackMessage(n Notice) object {
	text := func(s string) object { return object{"type": "mrkdwn", "text": s} }
	var fields []object
	for _, f := range n.facts() {
		fields = append(fields, text("*"+f.name+"*\n"+slackText.Replace(f.value)))
	}
	last := "<" + n.Runbook + "|What to do>"
	if n.Hint != "" {
		last = slackText.Replace(n.Hint) + "\n" + last
	}
	return object{
		"text": slackText.Replace(n.title() + ": " + n.Summary), // for notifications
		"blocks": []object{
			{"type": "section", "text": text("*" + slackText.Replace(n.title()) + "*\n" + slackText.Replace(n.Summary)), "fields": fields},
			{"type": "context", "elements": []object{text(last)}},
		},
	}
}

// teamsMessage is an adaptive card for a workflow "when a Teams webhook request is
// received" (https://learn.microsoft.com/power-automate/teams/send-a-message-in-teams).
// What comes from outside stands in text runs, which know no Markdown.
func teamsMessage(n Notice) object {
	plain := func(s string) object {
		return object{"type": "RichTextBlock", "inlines": []object{{"type": "TextRun", "text": s}}}
	}
	colour := "Attention"
	if n.Event == Recovered || n.Event == Test {
		colour = "Good"
	}
	content := []object{
		{"type": "RichTextBlock", "inlines": []object{{"type": "TextRun", "text": n.title(), "weight": "Bolder", "size": "Medium", "color": colour}}},
		plain(n.Summary),
	}
	for _, f := range n.facts() {
		content = append(content, plain(f.name+": "+f.value))
	}
	if n.Hint != "" {
		content = append(content, plain(n.Hint))
	}
	card := object{
		"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4",
		"body":    content,
		"actions": []object{{"type": "Action.OpenUrl", "title": "What to do", "url": n.Runbook}},
	}
	return object{"type": "message", "attachments": []object{{"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": nil, "content": card}}}
}

// severities are PagerDuty's, by condition.
var severities = map[string]string{Failed: "critical", Money: "error", Stale: "error", Held: "warning", Refused: "warning", Test: "info"}

// longestSummary is what PagerDuty takes.
const longestSummary = 1024

// pagerDutyEvent is of the Events API v2: a condition that began triggers an alert, its
// end resolves it (https://developer.pagerduty.com/docs/send-alert-event).
func pagerDutyEvent(n Notice, key string) object {
	e := object{"routing_key": key, "event_action": "trigger", "dedup_key": "impactsync/" + n.Destination + "/" + n.Condition}
	if n.Event == Recovered {
		e["event_action"] = "resolve"
		return e
	}
	details := object{}
	for i, f := range n.facts() {
		name := f.name
		if slices.ContainsFunc(n.facts()[:i], func(before fact) bool { return before.name == name }) {
			name = fmt.Sprintf("%s (%d)", name, i)
		}
		details[name] = f.value
	}
	if n.Hint != "" {
		details["What to do"] = n.Hint
	}
	summary := []rune(n.title() + ": " + n.Summary)
	e["client"] = "impactsync"
	e["links"] = []object{{"href": n.Runbook, "text": "What to do"}}
	e["payload"] = object{
		"summary": string(summary[:min(len(summary), longestSummary)]), "source": n.Host, "severity": severities[n.Condition],
		"timestamp": n.At, "component": "impactsync", "group": n.Destination, "class": n.Condition, "custom_details": details,
	}
	return e
}
