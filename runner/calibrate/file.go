package calibrate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/runner/run"
)

// DefaultFile is where calibrate --load leaves what it found, in the folder of the
// runs, and where later runs look for it.
const DefaultFile = "calibration.json"

// ReadFile reads a calibration. A file that is not there gives nil if it may be
// missing, and otherwise an error that is a hint.Error, as for a file that is not
// a calibration.
func ReadFile(name string, mayBeMissing bool) (*run.Calibration, error) {
	const again = "calibrate again: bgverify calibrate PATH --blue URL --load"
	data, err := os.ReadFile(name)
	if mayBeMissing && errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		// The name is in the message already.
		err = path.Err
	}
	c := &run.Calibration{}
	if err == nil {
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.DisallowUnknownFields() // a file of another tool, or of a newer version, is not read in part
		err = dec.Decode(c)
	}
	if err != nil {
		return nil, hint.Errorf(again, "read calibration %s: %w", name, err)
	}
	return c, nil
}

// WriteFile replaces the file as a whole; its folder is made if there is none.
func WriteFile(name string, c *run.Calibration) error {
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the calibration: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return fmt.Errorf("write calibration: %w", err)
	}
	// A new file replaces the old one at once, so that a run never reads half of it.
	temp, err := os.CreateTemp(filepath.Dir(name), ".calibration-*")
	if err != nil {
		return fmt.Errorf("write calibration: %w", err)
	}
	defer os.Remove(temp.Name()) //nolint:errcheck // gone after the rename
	_, err = temp.Write(append(data, '\n'))
	// Readable for everyone, as the runs of other users read it.
	err = errors.Join(err, temp.Chmod(0o644), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), name)
	}
	if err != nil {
		return fmt.Errorf("write calibration %s: %w", name, err)
	}
	return nil
}
