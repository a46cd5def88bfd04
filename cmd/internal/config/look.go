package config

import "slices"

// Look is [Load] for commands that only look at the state: a secret that this
// machine does not have is no reason not to show it. What is wrong stands among
// the warnings, and what of the destination's identity is wrong is empty: it is
// not known here. An error is left for a file that cannot be read, is not YAML, or
// does not tell where the state is.
func Look(path string, getenv Lookup) (*Config, error) {
	data, folder, err := open(path)
	if err != nil {
		return nil, err
	}
	c, problems := decode(data, path, folder, getenv)
	if c == nil || slices.ContainsFunc(problems, func(p Problem) bool { return p.Key == "state" || p.Key == "state.path" }) {
		return nil, problems
	}
	c.Warnings = append(c.Warnings, problems...)
	d := &c.Destination
	identity := map[string]*string{
		"destination.accountSid": &d.AccountSID, "destination.campaignId": &d.CampaignID, "destination.trackingURL": &d.TrackingURL, "destination.apiURL": &d.APIURL,
	}
	for _, p := range problems {
		if value := identity[p.Key]; value != nil {
			*value = ""
		}
	}
	return c, nil
}
