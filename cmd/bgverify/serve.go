package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/internal/tree"
	gates "github.com/bgverify/bgverify/report/serve"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/scenarios/stage"
)

// serveFlags are the flags of serve, and what they name.
type serveFlags struct {
	suites, listen, tokenFile, out string
	envs                           []string
	timeout, maxAge                time.Duration
	keep, keepDays                 int

	files     fs.FS                     // of the folder with the suites
	env       map[string]string         // name that orders use to path
	receivers map[string][]stage.Notify // of the env file with a name
}

func newServeCommand(io stdio) *cobra.Command {
	flags := &serveFlags{}
	cmd := &cobra.Command{
		Use:     "serve --suites DIR",
		GroupID: "judge",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return flags.serve(cmd.Context(), io)
		},
	}
	f := cmd.Flags()
	f.StringVar(&flags.suites, "suites", "", "`folder` of the suites that orders may name")
	f.StringArrayVar(&flags.envs, "env", nil, "env `file` of a stage that orders may name; may be repeated")
	f.StringVar(&flags.listen, "listen", "127.0.0.1:8080", "`address` to listen on")
	f.StringVar(&flags.tokenFile, "token-file", "", "`file` with the token that callers must show; required off loopback")
	f.StringVar(&flags.out, "out", "runs", "`folder` that keeps the runs")
	f.DurationVar(&flags.maxAge, "max-age", 24*time.Hour, "how old a verdict may be; 0 any age")
	f.DurationVar(&flags.timeout, "timeout", 0, "stop a run after this long; 0 never")
	f.IntVar(&flags.keep, "keep", 0, "after a run delete all but the newest `N` runs; 0 keeps all")
	f.IntVar(&flags.keepDays, "keep-days", 0, "after a run delete runs older than `N` days; 0 keeps all")
	return cmd
}

// serve checks everything that orders may name, and answers until ctx is over.
func (v *serveFlags) serve(ctx context.Context, io stdio) error {
	suites, err := v.read()
	if err != nil {
		return err
	}
	token, err := v.token()
	if err != nil {
		return err
	}
	envs := v.envNames()
	if err := v.rehearse(io, envs); err != nil {
		return err
	}
	ln, err := gates.Listen(v.listen, token)
	if errors.Is(err, gates.ErrOpen) {
		return usage("add --token-file FILE, or listen on 127.0.0.1", "--listen %s: %w", v.listen, err)
	}
	if err != nil {
		return broken(err)
	}
	server, err := gates.New(gates.Options{
		Root: v.out, Suites: suites, Envs: envs, Token: token, MaxAge: v.maxAge, Execute: v.execute,
		RolledBack: v.rolledBack, Clock: time.Now, Log: io.err,
	})
	if err != nil {
		_ = ln.Close()
		return broken(err)
	}
	fmt.Fprintf(io.out, "bgverify: serving http://%s, runs in %s\n", ln.Addr(), v.out)
	return tellBroken("serve", server.Serve(ctx, ln))
}

// read checks the flags and lists what orders may name.
func (v *serveFlags) read() (suites []string, err error) {
	switch {
	case v.suites == "":
		return nil, usage("bgverify serve --suites scenarios", "--suites is missing")
	case v.maxAge < 0 || v.timeout < 0:
		return nil, usage("0 switches it off", "--max-age and --timeout take no negative duration")
	case v.keep < 0 || v.keepDays < 0:
		return nil, usage("0 keeps all", "--keep and --keep-days take no negative number")
	}
	v.env, v.receivers = map[string]string{}, map[string][]stage.Notify{}
	for _, file := range v.envs {
		name := filepath.Base(file)
		if other, ok := v.env[name]; ok {
			return nil, usage("orders name env files by their file name", "--env %s and %s have the same name", other, file)
		}
		v.env[name] = file
	}
	root, err := os.OpenRoot(v.suites)
	if err != nil {
		return nil, usage("--suites names the folder of the suites", "%s: %w", v.suites, hint.WithoutPath(err))
	}
	v.files = root.FS()
	if suites, err = gates.Suites(v.files); err != nil {
		return nil, usage("--suites names the folder of the suites", "%s: %w", v.suites, err)
	}
	return suites, nil
}

// envNames are the names of the env files, in the order of the flags.
func (v *serveFlags) envNames() []string {
	names := make([]string, len(v.envs))
	for i, file := range v.envs {
		names[i] = filepath.Base(file)
	}
	return names
}

// token reads the token; empty: there is none.
func (v *serveFlags) token() (string, error) {
	if v.tokenFile == "" {
		return "", nil
	}
	const most = 4 << 10
	text, err := os.ReadFile(v.tokenFile)
	if err != nil {
		return "", usage("--token-file names a file with the token", "%s: %w", v.tokenFile, hint.WithoutPath(err))
	}
	token := string(bytes.TrimSpace(text[:min(len(text), most)]))
	if err := gates.CheckToken(token); err != nil {
		return "", usage("openssl rand -hex 32 > "+v.tokenFile, "%s: %w", v.tokenFile, err)
	}
	return token, nil
}

// rehearse loads all suites with each env file, so that a mistake in them is found when
// the server starts and not when traffic waits.
func (v *serveFlags) rehearse(io stdio, envs []string) error {
	if len(envs) == 0 {
		envs = []string{""}
	}
	for _, env := range envs {
		s, err := v.session(gates.Order{ID: "rehearsal", Suites: []string{"."}, Env: env}, io)
		if err != nil {
			return err
		}
		if err := tellProblems(io.err, runner.Unprovable(s.plan, s.flags.severity())); err != nil {
			return err
		}
		v.receivers[env] = s.receivers()
	}
	return nil
}

// session prepares the run of an order, with the defaults of run for all that it does not
// say.
func (v *serveFlags) session(o gates.Order, io stdio) (*session, error) {
	flags := defaultFlags("")
	flags.tag, flags.runID, flags.greenBuild = o.Tag, o.ID, o.GreenBuild
	flags.out, flags.keep, flags.keepDays, flags.timeout = v.out, v.keep, v.keepDays, v.timeout
	flags.noProgress, flags.noColor = true, true
	if err := flags.checkValues(); err != nil {
		return nil, err
	}
	t := &tree.Tree{Files: v.files, Root: v.suites, Paths: o.Suites}
	if o.Env != "" {
		var err error
		if t.Stage, err = tree.Open([]string{v.env[o.Env]}); err != nil {
			return nil, err
		}
		flags.stage = strings.TrimSuffix(o.Env, path.Ext(o.Env))
	}
	return newSession(io, flags, t, o.Flags())
}

// execute runs an order as bgverify run would, and returns the exit status.
func (v *serveFlags) execute(ctx context.Context, o gates.Order, log io.Writer) int {
	to := stdio{in: strings.NewReader(""), out: io.Discard, err: log}
	s, err := v.session(o, to)
	if err == nil {
		err = tellProblems(log, runner.Unprovable(s.plan, s.flags.severity()))
	}
	if err == nil {
		err = s.execute(ctx)
	}
	return finish(log, err, &statusError{status: statusBroken})
}
