package diff

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// Random edit scripts are told with at most 5 % more differences than they have
// edits, however the arrays' elements can be told apart.
func TestEditScripts(t *testing.T) {
	for name, element := range map[string]func(r *rand.Rand, i int) []string{
		"objects with an id": func(r *rand.Rand, i int) []string {
			return []string{fmt.Sprintf(`{"id":%d,"v":`, i), fmt.Sprint(r.IntN(50)), `}`}
		},
		"objects without a key": func(r *rand.Rand, i int) []string {
			return []string{fmt.Sprintf(`{"a":%d,"b":[%d,%d],"v":`, i%40, i, i*i), fmt.Sprint(r.IntN(50)), `}`}
		},
		"texts": func(r *rand.Rand, i int) []string {
			return []string{`"`, fmt.Sprintf("line %d of %d", i, r.IntN(9)), `"`}
		},
		"few numbers": func(r *rand.Rand, i int) []string { return []string{"", fmt.Sprint(r.IntN(30)), ""} },
	} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(5, 9))
			edits, told := 0, 0
			for range 200 {
				var blue, green []string
				used := -2
				for i := range 120 {
					parts := element(r, i)
					text := strings.Join(parts, "")
					blue = append(blue, text)
					if i < used+3 || r.IntN(20) > 0 { // edits lie a little apart, so that their number is not open
						green = append(green, text)
						continue
					}
					used = i
					edits++
					switch r.IntN(3) {
					case 0:
						green = append(green, parts[0]+"7"+parts[1]+parts[2])
					case 1:
						green = append(green, text, strings.Join(element(r, 1000+i), ""))
					}
				}
				res := Compare([]byte("["+strings.Join(blue, ",")+"]"), []byte("["+strings.Join(green, ",")+"]"), nil)
				told += res.Total
			}
			t.Logf("%d edits, %d differences", edits, told)
			if told*100 > edits*105 || told*100 < edits*90 {
				t.Errorf("%d edits are told as %d differences", edits, told)
			}
		})
	}
}
