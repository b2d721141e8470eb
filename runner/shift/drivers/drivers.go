// Package drivers makes the driver that a shift file, or the record of a walk, names. It
// holds the one table of mechanisms; each of them is a package below runner/shift.
package drivers

import (
	"errors"

	"github.com/bgverify/bgverify/runner/shift"
	"github.com/bgverify/bgverify/runner/shift/command"
	"github.com/bgverify/bgverify/runner/shift/gateway"
	"github.com/bgverify/bgverify/runner/shift/haproxy"
	"github.com/bgverify/bgverify/runner/shift/route53"
	"github.com/bgverify/bgverify/scenarios/shiftfile"
)

// New makes a driver. dir is the folder that the paths of its configuration are relative to.
// Nothing is sent.
func New(config shiftfile.Driver, dir string) (shift.Driver, error) {
	switch {
	case config.Exec != nil:
		return command.New(*config.Exec, dir), nil
	case config.HAProxy != nil:
		return haproxy.New(*config.HAProxy)
	case config.Route53 != nil:
		return route53.New(*config.Route53)
	case config.HTTPRoute != nil:
		return gateway.NewHTTPRoute(*config.HTTPRoute), nil
	case config.VirtualService != nil:
		return gateway.NewVirtualService(*config.VirtualService), nil
	}
	return nil, errors.New("no driver is named")
}
