package main

import (
	"github.com/spf13/cobra"

	"github.com/bgverify/bgverify/scenarios"
)

func newSchemaCommand(io stdio) *cobra.Command {
	return &cobra.Command{
		Use:     "schema",
		GroupID: "write",
		Short:   "Print the JSON Schema of scenario files, for editors",
		Long: `Print the JSON Schema of scenario files. Editors with a YAML language server
complete and check keys with it when a file begins with
  # yaml-language-server: $schema=scenario.schema.json`,
		Example: `  bgverify schema > scenario.schema.json`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := io.out.Write(scenarios.Schema())
			return tellBroken("write the schema", err)
		},
	}
}
