package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/bgverify/bgverify/runner"
)

// calibrationFile is where calibrate --load leaves what it found, in the folder
// of the runs, and where later runs look for it.
const calibrationFile = "calibration.json"

// calibrationPath is the file of --calibration, or the one in the folder of the runs.
func (f *runFlags) calibrationPath() string {
	if f.calibration != "" {
		return f.calibration
	}
	return filepath.Join(f.out, calibrationFile)
}

// readCalibration reads a calibration; nil when the file in the folder of the runs
// does not exist. A file that was named must exist, but for calibrate, which makes it.
func (f *runFlags) readCalibration(mayBeNew bool) (*runner.Calibration, error) {
	const hint = "calibrate again: bgverify calibrate PATH --blue URL --load"
	name := f.calibrationPath()
	data, err := os.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && (f.calibration == "" || mayBeNew), errors.Is(err, syscall.ENOTDIR) && f.calibration == "":
		return nil, nil
	case err != nil:
		return nil, usage(hint, "read calibration %s: %w", name, unwrapPath(err))
	}
	c := &runner.Calibration{}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(c); err != nil {
		return nil, usage(hint, "read calibration %s: %w", name, err)
	}
	return c, nil
}

// writeCalibration replaces the file as a whole.
func (f *runFlags) writeCalibration(c *runner.Calibration) error {
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the calibration: %w", err)
	}
	name := f.calibrationPath()
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return fmt.Errorf("write calibration: %w", err)
	}
	temp, err := os.CreateTemp(filepath.Dir(name), ".calibration-*")
	if err != nil {
		return fmt.Errorf("write calibration: %w", err)
	}
	defer os.Remove(temp.Name()) //nolint:errcheck // gone after the rename
	_, err = temp.Write(append(data, '\n'))
	err = errors.Join(err, temp.Chmod(0o644), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), name)
	}
	if err != nil {
		return fmt.Errorf("write calibration %s: %w", name, err)
	}
	return nil
}
