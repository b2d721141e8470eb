package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bgverify/bgverify/fixtures"
	"github.com/bgverify/bgverify/internal/tree"
	"github.com/bgverify/bgverify/scenarios/stb"
)

func newDemoCommand(io stdio) *cobra.Command {
	flags := &runFlags{}
	var faults faultFlags
	cmd := &cobra.Command{
		Use:     "demo",
		GroupID: "try",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := flags.check(cmd); err != nil {
				return err
			}
			if flags.blue != "" || flags.green != "" {
				return usage("use 'bgverify run scenarios/stb' for your own services",
					"demo starts blue and green itself: --blue and --green do not apply")
			}
			opts := fixtures.Options{Seed: flags.seed}
			if err := faults.parse(&opts); err != nil {
				return err
			}
			twin, err := fixtures.Start(opts)
			if err != nil {
				return broken(fmt.Errorf("start the embedded services: %w", err))
			}
			defer twin.Close()
			typedFlags := typed(cmd) // before the addresses of the services are set
			flags.verb = "demo"
			flags.blue, flags.green = twin.BlueURL, twin.GreenURL
			const folder = "scenarios/stb"
			t := &tree.Tree{Files: tree.Under(folder, stb.FS), Paths: []string{folder}}
			return judge(cmd.Context(), io, flags, t, typedFlags)
		},
	}
	flags.bind(cmd.Flags())
	// They are refused, with a hint, rather than unknown: the help of demo leaves them out.
	for _, name := range []string{"blue", "green"} {
		cmd.Flags().Lookup(name).Hidden = true
	}
	faults.bind(cmd.Flags())
	return cmd
}
