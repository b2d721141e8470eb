package double

import "embed"

// SuiteFile is the name in Suite of the suite that judges where no other is given: it
// has no rules.
const SuiteFile = "tap.yaml"

// Suite holds SuiteFile.
//
//go:embed tap.yaml
var Suite embed.FS
