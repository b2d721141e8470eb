package runner

import (
	"net/url"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/runner/attack"
)

// addresses are the origins of a side that take a load, sorted.
func addresses(routes []attack.Route, side func(attack.Route) []attack.Request) string {
	var origins []string
	for _, route := range routes {
		for _, request := range side(route) {
			if u, err := url.Parse(request.URL); err == nil {
				origins = append(origins, u.Scheme+"://"+u.Host)
			}
		}
	}
	slices.Sort(origins)
	return strings.Join(slices.Compact(origins), " ")
}
