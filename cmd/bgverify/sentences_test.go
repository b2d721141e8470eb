package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// sentenceFields hold what people read. What a program needs to know of a finding is
// in typed fields next to them, so that a sentence can be written better at any time.
var sentenceFields = []string{"Got", "Note", "Notes", "Reason", "Reasons", "Measured"}

// readers are the functions of package strings that take a text apart.
var readers = []string{"Contains", "HasPrefix", "HasSuffix", "Cut", "CutPrefix", "CutSuffix", "EqualFold", "Index"}

// TestNoCodeReadsSentences finds calls that take apart, and comparisons with, the
// sentences of findings: of a field itself, of an element, or of a range over it.
func TestNoCodeReadsSentences(t *testing.T) {
	for _, room := range []string{"runner", "report", "cmd"} {
		err := filepath.WalkDir(filepath.Join("..", "..", room), func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
				return err
			}
			source, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			for _, place := range sentenceReads(t, name, source) {
				t.Errorf("%s reads a sentence: give the finding a typed field", place)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestSentenceReadsAreFound(t *testing.T) {
	const source = `package p
import "strings"
func f(e struct{ Got string; Reasons []string }) bool {
	for _, r := range e.Reasons {
		if strings.HasSuffix(r, "x") { return true }
	}
	return strings.HasPrefix(e.Got, "x") || e.Got == "y" || strings.Contains(e.Reasons[0], "z") || e.Got == ""
}`
	if got := sentenceReads(t, "f.go", []byte(source)); len(got) != 4 {
		t.Errorf("found %v, want 4 places", got)
	}
}

// sentenceReads are the places of a file where a sentence is read. Asking whether
// there is one at all (== "") is not reading it.
func sentenceReads(t *testing.T, name string, source []byte) []string {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, source, 0)
	if err != nil {
		t.Fatal(err)
	}
	var places []string
	ranged := map[string]bool{} // variables of a range over sentences, in one function
	sentence := func(x ast.Expr) bool {
		if index, ok := x.(*ast.IndexExpr); ok {
			x = index.X
		}
		switch x := x.(type) {
		case *ast.SelectorExpr:
			return slices.Contains(sentenceFields, x.Sel.Name)
		case *ast.Ident:
			return ranged[x.Name]
		}
		return false
	}
	text := func(x ast.Expr) bool { // a text that is not empty
		lit, ok := x.(*ast.BasicLit)
		return ok && lit.Kind == token.STRING && len(lit.Value) > 2
	}
	ast.Inspect(file, func(n ast.Node) bool {
		found := false
		switch n := n.(type) {
		case *ast.FuncDecl:
			clear(ranged)
		case *ast.RangeStmt:
			if v, ok := n.Value.(*ast.Ident); ok && v.Name != "_" && sentence(n.X) {
				ranged[v.Name] = true
			}
		case *ast.CallExpr:
			f, ok := n.Fun.(*ast.SelectorExpr)
			pkg, isName := ast.Expr(nil), false
			if ok {
				pkg = f.X
				_, isName = pkg.(*ast.Ident)
			}
			found = ok && isName && pkg.(*ast.Ident).Name == "strings" && slices.Contains(readers, f.Sel.Name) && len(n.Args) > 0 && sentence(n.Args[0])
		case *ast.BinaryExpr:
			found = (n.Op == token.EQL || n.Op == token.NEQ) && (sentence(n.X) && text(n.Y) || text(n.X) && sentence(n.Y))
		}
		if found {
			places = append(places, files.Position(n.Pos()).String())
		}
		return true
	})
	return places
}
