package warehouse

import (
	"fmt"
	"strconv"
	"time"
)

// textOf returns a value of a row as text; NULL is none.
func textOf(v any) (text string, ok bool) {
	switch v := v.(type) {
	case nil:
		return "", false
	case string:
		return v, true
	case []byte:
		return string(v), true
	case bool:
		return strconv.FormatBool(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano), true
	}
	return fmt.Sprint(v), true
}

// idOf returns a value of a row as an id. A type that no id has, or that cuts long ones,
// is an error: a person whose digits are lost cannot be told from one who left.
func idOf(v any) (id string, err error) {
	switch v.(type) {
	case float64, float32:
		return "", fmt.Errorf("ids as floating-point numbers, which may have lost digits: make the column text")
	case bool, time.Time:
		return "", fmt.Errorf("%T where an id should be", v)
	}
	id, _ = textOf(v)
	return id, nil
}
