package main

import (
	"github.com/spf13/cobra"

	"github.com/bgverify/bgverify/scenarios"
)

func newSchemaCommand(io stdio) *cobra.Command {
	return &cobra.Command{
		Use:     "schema",
		GroupID: "write",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := io.out.Write(scenarios.Schema())
			return tellBroken("write the schema", err)
		},
	}
}
