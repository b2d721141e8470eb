package run

// A Bar is what keeps a step that may leave something behind from being sent. The
// case is then skipped.
type Bar string

// The bars.
const (
	// BarWrites: the stage does not allow writes, and a side is not on loopback.
	BarWrites Bar = "writes"
	// BarUnreviewed: import wrote the step, and it is not said yet what it leaves behind.
	BarUnreviewed Bar = "unreviewed"
)

// String is the reason that reports give.
func (b Bar) String() string {
	switch b {
	case BarWrites:
		return "writes are not allowed here: the sides are not on loopback, and neither limits: {writes: allow} of the env file nor a flag " +
			"allows them"
	case BarUnreviewed:
		return "side_effects: unreviewed; say what the request leaves behind"
	}
	return string(b)
}
