package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Lookup returns the value of an environment variable, as os.LookupEnv does.
type Lookup func(name string) (value string, ok bool)

var (
	reference = regexp.MustCompile(`\$\$\{|\$\{([^}]*)(\}?)`)
	envName   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	unbraced  = regexp.MustCompile(`^\$[A-Za-z_][A-Za-z0-9_]*$`) // as a shell would take it
)

// expand replaces ${NAME} by the environment's value and $${ by ${. Values are not
// expanded again. The text is a decoded value, so that a variable cannot add YAML.
// Errors name the variable, never its value.
func expand(text string, lookup Lookup) (string, error) {
	if !strings.Contains(text, "${") {
		return text, nil
	}
	var problem error
	out := reference.ReplaceAllStringFunc(text, func(ref string) string {
		if ref == "$${" {
			return "${"
		}
		m := reference.FindStringSubmatch(ref)
		value, err := variable(m[1], m[2] == "}", lookup)
		if err != nil && problem == nil {
			problem = err
		}
		return value
	})
	return out, problem
}

func variable(name string, closed bool, lookup Lookup) (string, error) {
	switch {
	case !closed:
		return "", fmt.Errorf("${ without a closing }")
	case !envName.MatchString(name) && name != "" && !harmlessKey(name): // perhaps the secret itself
		return "", errors.New("what stands in ${...} is not a variable name")
	case !envName.MatchString(name):
		return "", fmt.Errorf("${%s} is not a variable name", name)
	}
	value, ok := lookup(name)
	if !ok {
		return "", fmt.Errorf("the environment variable %s is not set", name)
	}
	return value, nil
}
