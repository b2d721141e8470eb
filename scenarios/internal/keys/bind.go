package keys

import (
	"fmt"
	"reflect"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/scenarios/template"
)

// Bind reads every written key that its table ties to a field of the struct that
// into points to. A key that is not written leaves its field as it is, so that the
// struct holds the defaults before; a value that is wrong is reported and leaves
// it as well, or zero.
//
// The field's type and the key's shape together decide how a value is read. A pair
// that no reader knows is a mistake of this package and panics; TestEveryKeyBinds
// tries them all.
func (o *Mapping) Bind(into any) { o.BindKeys(o.Table.Keys, into) }

// BindKeys is bind for some keys of a table whose keys belong to several structs.
func (o *Mapping) BindKeys(keys []Key, into any) {
	target := reflect.ValueOf(into).Elem()
	for i := range keys {
		k := &keys[i]
		if k.Field == "" || o.Get(k.Name) == nil {
			continue
		}
		field := target.FieldByName(k.Field)
		if !field.IsValid() || !o.readScalar(k, field.Addr().Interface()) && !o.readList(k, field.Addr().Interface()) && !o.readWord(k,
			field) {
			panic(fmt.Sprintf("scenarios: key %s of %s cannot be read into field %s of %s", k.Name, o.Table.Name, k.Field, target.Type()))
		}
	}
}

// Inherit gives a struct what its mapping starts from: for every key of a table that is bound
// to a field which base and into both have, into gets base's value. Bind then changes what is
// written. A key that is added to the table of defaults is so inherited without more code.
func Inherit(table string, base, into any) {
	from, to := reflect.ValueOf(base).Elem(), reflect.ValueOf(into).Elem()
	for _, k := range Tables[table].Keys {
		if k.Field == "" {
			continue
		}
		if a, b := from.FieldByName(k.Field), to.FieldByName(k.Field); a.IsValid() && b.IsValid() {
			b.Set(a)
		}
	}
}

// readScalar reads one value into a field; false when the field is of another kind.
func (o *Mapping) readScalar(k *Key, field any) bool {
	switch p := field.(type) {
	case *string:
		*p = o.anyText(k)
	case *bool:
		if s := shapeOf(k.Shape, FormWord); s != nil { // the first of the two words means true
			if word := o.Word(k.Name); word != "" {
				*p = word == s.Words[0]
			}
			break
		}
		*p = o.Bool(k.Name, *p)
	case *int:
		*p = o.Int(k.Name, *p)
	case *float64:
		if shapeOf(k.Shape, FormPercent) != nil {
			*p = o.percent(k.Name)
			break
		}
		*p, _ = o.number(k.Name)
	case **float64: // nil: not written
		if x, ok := o.number(k.Name); ok {
			*p = &x
		}
	case *time.Duration:
		*p = o.Duration(k.Name, *p)
	case *time.Time:
		*p = o.date(k.Name)
	case **template.Template:
		*p = o.Template(k.Name)
	case *diff.Bound:
		*p = o.bound(k.Name)
	case *perf.Margin:
		*p = o.margin(k.Name)
	case *perf.Span:
		*p = o.span(k.Name)
	default:
		return o.Reader.sink.ReadField(o, k, field)
	}
	return true
}

// anyText reads a text by the form that the key's shape names.
func (o *Mapping) anyText(k *Key) string {
	switch {
	case shapeOf(k.Shape, formName) != nil:
		return o.Name(k.Name)
	case shapeOf(k.Shape, FormWord) != nil:
		return o.Word(k.Name)
	case shapeOf(k.Shape, formPath) != nil:
		return o.path(k.Name, true)
	case shapeOf(k.Shape, formFile) != nil:
		return o.FileName(k.Name)
	}
	return o.Text(k.Name)
}

// readList reads a list or a mapping with free keys into a field; false when the
// field is of another kind.
func (o *Mapping) readList(k *Key, field any) bool {
	switch p := field.(type) {
	case *[]string:
		var check func(n *yaml.Node, text string) bool
		if shapeOf(k.Shape, formVar) != nil {
			check = o.Reader.CheckVarName
		}
		*p = o.Texts(k.Name, check)
	case *[]int:
		s := shapeOf(k.Shape, FormInt)
		o.EachElement(k.Name, func(_ int, n *yaml.Node) {
			if text, ok := o.Reader.ScalarText(n, k.Name, s); ok {
				if i, ok := o.Reader.IntOf(n, text, k.Name, s); ok {
					*p = append(*p, i)
				}
			}
		})
	case *[]template.Var:
		*p = o.Reader.Vars(o, k.Name)
	default:
		return false
	}
	return true
}

// readWord reads a word into an enum, whose String is the word of the file, or into
// a named text; false when the field is of another kind.
func (o *Mapping) readWord(k *Key, field reflect.Value) bool {
	s := shapeOf(k.Shape, FormWord)
	if s == nil {
		return false
	}
	switch field.Kind() {
	case reflect.String:
		field.SetString(o.Word(k.Name))
		return true
	case reflect.Uint8:
		word := o.Word(k.Name)
		if word == "" {
			return true
		}
		enum := reflect.New(field.Type()).Elem()
		for value := range uint64(len(s.Words) + 2) {
			enum.SetUint(value)
			if name, ok := enum.Interface().(fmt.Stringer); ok && name.String() == word {
				field.Set(enum)
				return true
			}
		}
	}
	return false
}

// Open opens the mapping of a key by the table of that name; nil when the key is
// not written. what names it in messages.
func (o *Mapping) Open(key, table, what string) *Mapping {
	if n := o.Get(key); n != nil {
		return o.Reader.Object(n, table, what)
	}
	return nil
}

// margin reads a margin of a load stage.
func (o *Mapping) margin(name string) perf.Margin {
	n, text, _, ok := o.scalar(name, formMargin)
	if !ok {
		return perf.Margin{}
	}
	m, err := perf.ParseMargin(text)
	if me, ok := err.(*perf.MarginError); ok {
		o.Broken = true
		o.Reader.ErrorAt(n, me.Offset, me.Hint, "margin %s: %s", name, me.Msg)
	} else if err != nil {
		o.Fail(n, "", "margin %s: %v", name, err)
	}
	return m
}
