package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bgverify/bgverify/fixtures"
)

func newFixturesCommand(io stdio) *cobra.Command {
	var faults faultFlags
	opts := fixtures.Options{}
	cmd := &cobra.Command{
		Use:     "fixtures",
		GroupID: "try",
		Long:    faultTable(),
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := faults.parse(&opts); err != nil {
				return err
			}
			// The services run until the reader stops the command.
			twin, err := fixtures.Start(opts)
			if err != nil {
				return &statusError{status: statusBroken, err: err, hint: "another program may use the port: name another one with --blue-addr or " +
					"--green-addr"}
			}
			defer twin.Close()
			fmt.Fprintf(io.out, "blue   %[1]s\ngreen  %[2]s\n\nbgverify run scenarios/stb --blue %[1]s --green %[2]s\n", twin.BlueURL, twin.GreenURL)
			<-cmd.Context().Done()
			blue, green := twin.Requests()
			fmt.Fprintf(io.err, "served %d requests on blue, %d on green\n", blue, green)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&opts.Blue, "blue-addr", "127.0.0.1:0", "`address` that blue listens on")
	f.StringVar(&opts.Green, "green-addr", "127.0.0.1:0", "`address` that green listens on")
	faults.bind(f)
	f.Uint64Var(&opts.Seed, "seed", 1, "seed of the random values of the services")
	return cmd
}

// faultFlags are the faults in front of each of the embedded services, as typed.
type faultFlags struct{ blue, green string }

func (f *faultFlags) bind(set *pflag.FlagSet) {
	set.StringVar(&f.blue, "blue-fault", "", "`faults` put in front of blue, separated by commas")
	set.StringVar(&f.green, "green-fault", "", "`faults` put in front of green, separated by commas")
}

// parse reads the faults into the options of the services.
func (f *faultFlags) parse(o *fixtures.Options) (err error) {
	const help = "see 'bgverify fixtures --help'"
	if o.BlueFaults, err = fixtures.ParseFaults(f.blue); err != nil {
		return usage(help, "--blue-fault: %w", err)
	}
	if o.GreenFaults, err = fixtures.ParseFaults(f.green); err != nil {
		return usage(help, "--green-fault: %w", err)
	}
	return nil
}

func faultTable() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, f := range fixtures.Faults() {
		name := f.Name
		if f.Param != "" {
			name += "=" + f.Param
		}
		fmt.Fprintf(w, "  %s\t%s\n", name, f.Doc)
	}
	w.Flush()
	return strings.TrimRight(b.String(), "\n")
}
