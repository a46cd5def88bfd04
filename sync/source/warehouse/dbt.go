package warehouse

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// model is what dbt's manifest.json says of a model, seed or snapshot
// (https://docs.getdbt.com/reference/artifacts/manifest-json).
type model struct {
	Type     string `json:"resource_type"`
	Name     string `json:"name"`
	Package  string `json:"package_name"`
	Relation string `json:"relation_name"` // quoted as the database wants it
	Schema   string `json:"schema"`
	Alias    string `json:"alias"`
	Version  any    `json:"version"`
	Latest   any    `json:"latest_version"`
	Config   struct {
		Materialized string `json:"materialized"`
	} `json:"config"`
}

// manifest is dbt's manifest.json, as far as it is needed.
type manifest struct {
	Nodes    map[string]model   `json:"nodes"`
	Disabled map[string][]model `json:"disabled"`
}

// readManifest reads the file that dbt compile, run or build leaves in target.
func readManifest(path string) (m manifest, err error) {
	f, err := os.Open(path)
	if err != nil {
		return m, err
	}
	defer func() { _ = f.Close() }() // it was only read
	if err := json.NewDecoder(f).Decode(&m); err != nil {
		return m, fmt.Errorf("%s: not dbt's manifest.json: %w", path, err)
	}
	if len(m.Nodes) == 0 {
		return m, fmt.Errorf("%s: no models in it: dbt compile writes the manifest to target/manifest.json", path)
	}
	maps.DeleteFunc(m.Nodes, func(_ string, n model) bool { return !n.isTable() })
	return m, nil
}

func (n model) isTable() bool { return slices.Contains([]string{"model", "seed", "snapshot"}, n.Type) }

// model returns what a ref names: model, package.model, or a node's whole id such as
// model.package.model. Of a model's versions, it is the latest, unless .v1 follows.
func (m manifest) model(ref string) (*model, error) {
	var found []string
	for _, id := range slices.Sorted(maps.Keys(m.Nodes)) {
		if n := m.Nodes[id]; n.is(id, ref) {
			found = append(found, id)
		}
	}
	switch len(found) {
	case 0:
		return nil, m.missing(ref)
	case 1:
		n := m.Nodes[found[0]]
		return &n, n.check(ref)
	}
	return nil, fmt.Errorf("ref: %q is the name of several: write one of %s", ref, listed(found))
}

// is reports whether a ref names the node.
func (n model) is(id, ref string) bool {
	if ref == id {
		return true
	}
	names := []string{n.Name}
	if n.Version != nil {
		names = []string{fmt.Sprintf("%s.v%v", n.Name, n.Version)}
		if n.Latest == nil || fmt.Sprint(n.Version) == fmt.Sprint(n.Latest) {
			names = append(names, n.Name)
		}
	}
	return slices.ContainsFunc(names, func(name string) bool {
		return ref == name || ref == n.Package+"."+name || ref == n.Type+"."+n.Package+"."+name
	})
}

// check refuses what is no table or view.
func (n model) check(ref string) error {
	switch {
	case n.Config.Materialized == "ephemeral":
		return fmt.Errorf("ref: %q is ephemeral, so there is nothing to read in the database: materialize it as a view or table, or make a model that selects from it", ref)
	case n.Relation == "":
		return fmt.Errorf("ref: the manifest does not say where %q is (relation_name): run dbt compile again", ref)
	}
	return nil
}

// missing says that there is no such model, or that it is switched off.
func (m manifest) missing(ref string) error {
	for id, all := range m.Disabled {
		if len(all) > 0 && all[0].is(id, ref) {
			return fmt.Errorf("ref: %q is disabled in the dbt project (enabled: false)", ref)
		}
	}
	var names []string
	for _, n := range m.Nodes {
		names = append(names, n.Name)
	}
	slices.Sort(names)
	last := ref[strings.LastIndexByte(ref, '.')+1:]
	return fmt.Errorf("ref: the manifest has no model %q%s", ref, likeOf(cmp.Or(last, ref), slices.Compact(names)))
}
