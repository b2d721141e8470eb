package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A formServer answers /FORM/VALUE with {"v": …}.
func formServer() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { //nolint:errcheck // it ends with the program
		w.Header().Set("Content-Type", "application/json")
		i, err := strconv.Atoi(req.URL.Path[strings.LastIndexByte(req.URL.Path, '/')+1:])
		switch {
		case err != nil || i >= len(formValues):
			fmt.Fprint(w, `{"n":7}`)
		case formValues[i] == "":
			fmt.Fprint(w, `{"n":7}`)
		default:
			fmt.Fprintf(w, `{"n":7,"v":%s}`, formValues[i])
		}
	}))
	return "http://" + ln.Addr().String(), nil
}

// formsCollection is a request for each form and value, named FORM-VALUE; whole
// makes one request for each value instead, with a test for each form.
func formsCollection(base string, whole bool) ([]byte, error) {
	var items []any
	item := func(name, path string, code []string) {
		items = append(items, map[string]any{
			"name": name, "request": base + path,
			"event": []any{map[string]any{"listen": "test", "script": map[string]any{"exec": code}}},
		})
	}
	test := func(f int) string {
		return fmt.Sprintf("pm.test('%d', () => { %s });", f, strings.ReplaceAll(forms[f], "expect(", "pm.expect("))
	}
	const first = "const j = pm.response.json();"
	for v := range formValues {
		if whole {
			code := []string{first}
			for f := range forms {
				code = append(code, test(f))
			}
			item(strconv.Itoa(v), fmt.Sprintf("/all/%d", v), code)
			continue
		}
		for f := range forms {
			item(fmt.Sprintf("%d-%d", f, v), fmt.Sprintf("/%d/%d", f, v), []string{first, test(f)})
		}
	}
	return json.Marshal(map[string]any{
		"info": map[string]any{"name": "forms", "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"}, "item": items,
		"variable": []any{map[string]any{"key": "kid", "value": "abc"}},
	})
}

// postmanForms holds the outcome of assertion forms against values in Newman
// against that of the imported suite.
func postmanForms(verbose bool) error {
	newman, err := exec.LookPath("newman")
	if err != nil {
		fmt.Println("importwire postman: skipped: no newman on the PATH (npm install newman@6.2.2)")
		return nil
	}
	work, err := os.MkdirTemp("", "importwire")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	blue, err := formServer()
	if err != nil {
		return err
	}
	green, err := formServer()
	if err != nil {
		return err
	}
	for name, whole := range map[string]bool{"forms.json": false, "tests.json": true} {
		data, err := formsCollection(blue, whole)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(work, name), data, 0o644); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 9*time.Minute)
	defer cancel()
	played := exec.CommandContext(ctx, newman, "run", "tests.json", "--reporters", "junit", "--reporter-junit-export", "newman.xml")
	played.Dir = work
	out, err := played.CombinedOutput() // its status says that assertions fail
	want, readErr := newmanOutcomes(filepath.Join(work, "newman.xml"))
	if readErr != nil {
		return fmt.Errorf("newman: %w: %w\n%s", readErr, err, out)
	}
	got, listed, err := suiteOutcomes(ctx, work, blue, green)
	if err != nil {
		return err
	}
	tellForms(want, got, listed, verbose)
	return nil
}
