package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/tap"
	"github.com/bgverify/bgverify/runner/tap/record"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
	"github.com/bgverify/bgverify/scenarios/convert"
	"github.com/bgverify/bgverify/scenarios/convert/imported"
)

// recordFlags are the flags of record.
type recordFlags struct {
	proxyFlags
	to, out        string
	services, hide []string
	gap            time.Duration
}

// proxyFlags are the flags of a proxy between clients and services.
type proxyFlags struct {
	listen, cert, key, ca string
	insecure              bool
	perClient             int
}

func (p *proxyFlags) bind(f *pflag.FlagSet) {
	f.StringVar(&p.listen, "listen", "", "`address` to listen on, such as :8080")
	f.StringVar(&p.cert, "tls-cert", "", "PEM `file` of the certificate that clients see; they then speak HTTPS")
	f.StringVar(&p.key, "tls-key", "", "PEM `file` of its private key")
	f.StringVar(&p.ca, "ca", "", "PEM `file` of the authority that signed the services' certificates")
	f.BoolVar(&p.insecure, "insecure", false, "check no certificates of the services")
	f.IntVar(&p.perClient, "per-client", tap.ClientConnections, "how many connections and requests one address may have at once")
}

// check finds what is wrong with the flags of a verb.
func (p *proxyFlags) check(verb string) error {
	switch {
	case p.listen == "":
		return usage("add --listen :8080", "%s needs an address to listen on", verb)
	case p.perClient < 1:
		return usage("1 or more", "--per-client %d is out of bounds", p.perClient)
	}
	return nil
}

// options are those of a proxy.
func (p *proxyFlags) options() tap.Options {
	return tap.Options{Listen: p.listen, Cert: p.cert, Key: p.key, ClientConnections: p.perClient, Now: time.Now}
}

// recordingFile is the recording below the folder that record writes.
const recordingFile = "recording.har"

func newRecordCommand(io stdio) *cobra.Command {
	flags := &recordFlags{}
	cmd := &cobra.Command{
		Use:     "record --listen ADDR --to URL -o DIR",
		GroupID: "write",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return flags.record(cmd, io) },
	}
	f := cmd.Flags()
	flags.bind(f)
	f.StringVar(&flags.to, "to", "", "`URL` of the service that requests are passed to")
	f.StringArrayVar(&flags.services, "service", nil, "a further service as `name=URL`; may be repeated")
	f.StringVarP(&flags.out, "out", "o", "", "`folder` to write into; it must be new or empty")
	f.StringArrayVar(&flags.hide, "hide", nil, "`name` of a field whose values are replaced as secrets are; may be repeated")
	f.DurationVar(&flags.gap, "gap", 10*time.Second, "pause after which a new case begins; 0: only marks begin one")
	cmd.AddCommand(newRecordMarkCommand())
	return cmd
}

func newRecordMarkCommand() *cobra.Command {
	pid := 0
	cmd := &cobra.Command{
		Use: "mark TEXT",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 || strings.TrimSpace(args[0]) == "" {
				return usage(`bgverify record mark "EPG open"`, "mark takes one text")
			}
			return failed(cmd.Context(), record.SendMark(cmd.Context(), args[0], pid))
		},
	}
	cmd.Flags().IntVar(&pid, "pid", 0, "process `id` of the recorder, where several are running")
	return cmd
}

// record passes and records until a signal, then writes the suites.
func (f *recordFlags) record(cmd *cobra.Command, io stdio) error {
	ctx := cmd.Context()
	services, err := f.check()
	if err != nil {
		return err
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	var recorder *record.Recorder
	for i := range services {
		to, err := wire.New(wire.Config{BaseURL: services[i].URL.String(), CAFile: f.ca, Insecure: f.insecure})
		if err != nil {
			return usage("a PEM file with certificates", "%w", err)
		}
		way := to.Passing()
		defer way.CloseIdleConnections()
		services[i].Way = way
	}
	o := f.options()
	o.Services, o.KeepBody, o.KeepAll = services, record.KeepBody, record.KeepAll
	o.Observe = func(x *tap.Exchange) { recorder.Observe(x) }
	proxy, err := tap.New(o)
	if err != nil {
		return failed(ctx, err)
	}
	defer proxy.Close()
	if err := os.MkdirAll(f.out, 0o755); err != nil {
		return broken(err)
	}
	recorder, err = record.New(record.Options{
		File: filepath.Join(f.out, recordingFile), Tool: toolVersion(), Gap: f.gap, Key: key, Now: time.Now,
		Failed: func(err error) {
			fmt.Fprintf(io.err, "bgverify: warning: clients are still served, but nothing more is recorded: %v\n", err)
		},
		Secret: func(name, value string) bool {
			return convert.Secret(name, value) || slices.ContainsFunc(f.hide, func(h string) bool { return strings.EqualFold(h, name) })
		},
	})
	if err != nil {
		return broken(err)
	}
	control, err := record.OpenControl(recorder.Mark)
	if err != nil {
		fmt.Fprintf(io.err, "bgverify: warning: no marks can be set: %v\n", err)
	} else {
		defer control.Close()
	}
	fmt.Fprintf(io.out, "recording %s at %s; press Ctrl-C to end it and write the scenario files\n", f.to, proxy.URL())
	served := proxy.Serve(ctx)
	counts, err := recorder.Close()
	if err = errors.Join(served, err); err != nil {
		return broken(err)
	}
	return f.write(io, proxy.Findings(), counts)
}

// check reads the flags.
func (f *recordFlags) check() ([]tap.Service, error) {
	if err := f.proxyFlags.check("record"); err != nil {
		return nil, err
	}
	switch {
	case f.to == "":
		return nil, usage("add --to https://api.example.com", "record needs the URL of the service")
	case f.out == "":
		return nil, usage("add -o DIR", "record needs a folder to write into")
	case f.gap < 0:
		return nil, usage("a duration such as 10s, or 0", "--gap is negative")
	}
	if err := imported.MayWrite(f.out, false); err != nil {
		return nil, err
	}
	return tapServices("--to", f.to, f.services)
}

// tapServices reads the URLs of a side's services.
func tapServices(flag, base string, named []string) ([]tap.Service, error) {
	var out []tap.Service
	names := []string{""}
	for i, text := range append([]string{base}, named...) {
		name, address := "", text
		if i > 0 {
			var ok bool
			flag = "--service"
			if name, address, ok = strings.Cut(text, "="); !ok || name == "" || strings.ContainsAny(name, "/.?#% ") {
				return nil, usage("--service epg=https://epg.example.com", "--service %s is not name=URL", text)
			}
			if slices.Contains(names, name) {
				return nil, usage("give each service one URL", "the service %s is listed twice", name)
			}
			names = append(names, name)
		}
		if fault := scenarios.URLFault(address); fault != "" {
			return nil, usage("https://api.example.com", "%s %s: %s", flag, text, fault)
		}
		u, err := url.Parse(address)
		if err != nil || u.User != nil || u.RawQuery != "" {
			return nil, usage("https://api.example.com", "%s %s must be a URL without user, password and query", flag, text)
		}
		out = append(out, tap.Service{Name: name, URL: u})
	}
	return out, nil
}

// write imports the recording.
func (f *recordFlags) write(io stdio, findings []string, counts record.Counts) error {
	file := filepath.Join(f.out, recordingFile)
	fmt.Fprintf(io.out, "recorded %s in %s to %s\n", text.Count(counts.Exchanges, "exchange"), text.Count(counts.Parts, "part"), file)
	for _, x := range []struct {
		n    int
		what string
	}{
		{counts.Dropped, "%s not recorded: they came faster than they could be written"},
		{counts.Digested, "%s kept as size and digest only"},
		{counts.Upgraded, "%s upgraded to a socket, whose content is not recorded"},
		{counts.Unanswered, "%s not answered by the service"},
	} {
		if x.n > 0 {
			fmt.Fprintf(io.out, "  "+x.what+"\n", text.Count(x.n, map[bool]string{true: "body", false: "request"}[strings.HasPrefix(x.what, "%s kept")]))
		}
	}
	for _, line := range findings {
		fmt.Fprintf(io.out, "  %s\n", text.Visible(line))
	}
	if counts.Exchanges == 0 {
		return &statusError{status: statusUnknown, err: errors.New("nothing was recorded"), hint: "point a client at the proxy"}
	}
	named := map[string]string{}
	for _, s := range f.services {
		name, address, _ := strings.Cut(s, "=")
		if u, err := url.Parse(address); err == nil {
			named[u.Scheme+"://"+u.Host] = name
		}
	}
	var opts convert.Options
	opts.HAR.ByPage, opts.HAR.Services = true, named
	result, err := imported.Convert("har", file, opts)
	if err != nil {
		return &statusError{status: statusUnknown, err: fmt.Errorf("no scenario files were written: %w", err), hint: "the recording is in " + file}
	}
	return finishImport(io, result, f.out)
}
