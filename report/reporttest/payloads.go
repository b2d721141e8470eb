package reporttest

import "fmt"

// Payloads are 200 texts that become script, markup, a link or an address
// change where a page lets them; each sets window.pwned when it runs.
func Payloads() []string {
	bases := []string{
		`<script>pwned=%d</script>`,
		`"><img src=x onerror=pwned=%d>`,
		`'><svg onload=pwned=%d>`,
		`</script><script>pwned=%d</script>`,
		`</pre></td></table><iframe srcdoc="<script>parent.pwned=%d</script>">`,
		`javascript:pwned=%d`,
		`<a href="javascript:pwned=%d">x</a>`,
		`<meta http-equiv=refresh content="0;url=data:text/html,%d">`,
		`<base href="http://127.0.0.1:9/%d/">`,
		`{{.}}${pwned=%d}`,
		`--><!--<b>%d`,
		`]]><x xmlns:a="%d">`,
		`<style>*{background:url(http://127.0.0.1:9/%d)}</style>`,
		`<form action=http://127.0.0.1:9/%d><button>go</button></form>`,
		`"};pwned=%d;//`,
		`\u003cscript\u003epwned=%d\u003c/script\u003e`,
		`<details open ontoggle=pwned=%d>`,
		`<math><mtext></form><form><mglyph><style></math><img src onerror=pwned=%d>`,
		`<noscript><p title="</noscript><img src=x onerror=pwned=%d>">`,
		`<object data="data:text/html,%d"></object>`,
	}
	out := make([]string, 200)
	for i := range out {
		out[i] = fmt.Sprintf(bases[i%len(bases)], i)
	}
	return out
}
