package oracle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"reflect"
	"strings"
	"unicode/utf8"
)

// The values of a tree: nil, bool, string, number, array, object.
type (
	number string
	array  []any
	object map[string]any
)

var objectType = reflect.TypeFor[object]()

// normal is the number as sign, digits and power of ten, zeros stripped, so
// that equal values are equal texts. Never a big.Rat: 1e999999999 is legal.
func (n number) normal() string {
	s := strings.ToLower(string(n))
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	power := new(big.Int)
	if m, e, ok := strings.Cut(s, "e"); ok {
		s = m
		if _, ok := power.SetString(strings.TrimPrefix(e, "+"), 10); !ok {
			return string(n)
		}
	}
	if whole, frac, ok := strings.Cut(s, "."); ok {
		s = whole + frac
		power.Sub(power, big.NewInt(int64(len(frac))))
	}
	s = strings.TrimLeft(s, "0")
	for strings.HasSuffix(s, "0") {
		s = s[:len(s)-1]
		power.Add(power, big.NewInt(1))
	}
	if s == "" {
		return "0"
	}
	return sign + s + "e" + power.String()
}

// decode reads a body with encoding/json, token by token: the standard decoder
// keeps the last of two members of a name in silence.
func decode(body []byte) (any, error) {
	if !utf8.Valid(body) {
		return nil, errors.New("not UTF-8")
	}
	if bytes.Contains(bytes.ToLower(body), []byte(`\ud`)) {
		return nil, errors.New("surrogate escapes")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	v, err := value(d, 0, 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("bytes after the value")
	}
	return v, nil
}

// value reads the value that comes next. The nesting is bounded, for go-cmp takes a time that is
// exponential in the nesting of arrays.
func value(d *json.Decoder, depth, arrays int) (any, error) {
	if depth > maxDepth || arrays > maxArrays {
		return nil, errors.New("nested too deep")
	}
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Number:
		return number(t), nil
	case json.Delim:
		if t == '[' {
			return elements(d, depth, arrays)
		}
		return members(d, depth, arrays)
	}
	return t, nil
}

// elements reads the rest of an array, whose bracket has been read.
func elements(d *json.Decoder, depth, arrays int) (any, error) {
	a := array{}
	for d.More() {
		v, err := value(d, depth+1, arrays+1)
		if err != nil {
			return nil, err
		}
		a = append(a, v)
	}
	_, err := d.Token()
	return a, err
}

// members reads the rest of an object. A name that is there twice is an error, as for the engine.
func members(d *json.Decoder, depth, arrays int) (any, error) {
	o := object{}
	for d.More() {
		k, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, ok := k.(string)
		if !ok {
			return nil, fmt.Errorf("the member name %v", k)
		}
		if _, twice := o[name]; twice {
			return nil, fmt.Errorf("the member %q twice", name)
		}
		if o[name], err = value(d, depth+1, arrays); err != nil {
			return nil, err
		}
	}
	_, err := d.Token()
	return o, err
}
