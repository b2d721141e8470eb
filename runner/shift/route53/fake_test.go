package route53

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A record is one record set as the API has it in XML.
type record struct {
	Name, Type    string
	SetIdentifier string   `xml:",omitempty"`
	Weight        *int64   `xml:",omitempty"`
	TTL           *int64   `xml:",omitempty"`
	HealthCheckID string   `xml:"HealthCheckId,omitempty"`
	Values        []string `xml:"ResourceRecords>ResourceRecord>Value"`
}

func (r record) key() string { return r.Name + " " + r.Type + " " + r.SetIdentifier }

func (r record) same(o record) bool {
	weight := func(r record) int64 {
		if r.Weight == nil {
			return -1
		}
		return *r.Weight
	}
	return r.key() == o.key() && weight(r) == weight(o) && slices.Equal(r.Values, o.Values) && r.HealthCheckID == o.HealthCheckID && *r.TTL == *o.TTL
}

// A fake speaks the four calls of Route 53 that the driver uses: batches are applied whole
// or not at all, changes are PENDING for a while, and faults are answered where a test asks.
type fake struct {
	t  *testing.T
	mu sync.Mutex
	// records are sorted by name; pending counts the questions until a change is INSYNC.
	records []record
	pending int
	// fail is asked before each call; a status other than 0 answers it.
	fail func(call string) (status int, code string)
	// calls are those that were answered.
	calls   []string
	batches [][]string
}

const namespace = `xmlns="https://route53.amazonaws.com/doc/2013-04-01/"`

func newFake(t *testing.T, records ...record) *fake {
	f := &fake{t: t, records: records, fail: func(string) (int, string) { return 0, "" }}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_ROUTE_53": server.URL, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.Setenv(name, value)
	}
	return f
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/2013-04-01")
	call := map[bool]string{true: "change", false: "list"}[r.Method == http.MethodPost]
	switch {
	case strings.HasPrefix(path, "/change/"):
		call = "get change"
	case !strings.Contains(path, "/rrset"):
		call = "get zone"
	}
	if !strings.Contains(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256") {
		f.t.Errorf("%s is not signed", call)
	}
	f.calls = append(f.calls, call)
	if status, code := f.fail(call); status != 0 {
		f.refuse(w, status, code)
		return
	}
	switch call {
	case "get zone":
		fmt.Fprintf(w, `<GetHostedZoneResponse %s><HostedZone><Id>/hostedzone/Z1</Id><Name>example.com.</Name><CallerReference>x</CallerReference></HostedZone></GetHostedZoneResponse>`, namespace)
	case "get change":
		status := "INSYNC"
		if f.pending > 0 {
			f.pending--
			status = "PENDING"
		}
		f.changed(w, "GetChangeResponse", status)
	case "list":
		f.list(w, r)
	case "change":
		f.change(w, r)
	}
}

func (f *fake) refuse(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, `<ErrorResponse %s><Error><Type>Sender</Type><Code>%s</Code><Message>refused by the test</Message></Error><RequestId>r</RequestId></ErrorResponse>`, namespace, code)
}

func (f *fake) changed(w http.ResponseWriter, root, status string) {
	fmt.Fprintf(w, `<%s %s><ChangeInfo><Id>/change/C1</Id><Status>%s</Status><SubmittedAt>2026-11-28T00:00:00Z</SubmittedAt></ChangeInfo></%s>`, root, namespace, status, root)
}

// list answers one record a page from the name that is asked for, so that paging is used.
func (f *fake) list(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	start := q.Get("name") + " " + q.Get("type") + " " + q.Get("identifier")
	slices.SortFunc(f.records, func(a, b record) int { return strings.Compare(a.key(), b.key()) })
	i := slices.IndexFunc(f.records, func(r record) bool { return r.key() >= strings.TrimRight(start, " ") })
	fmt.Fprintf(w, `<ListResourceRecordSetsResponse %s><ResourceRecordSets>`, namespace)
	more := ""
	if i >= 0 {
		if err := xml.NewEncoder(w).EncodeElement(f.records[i], xml.StartElement{Name: xml.Name{Local: "ResourceRecordSet"}}); err != nil {
			f.t.Error(err)
		}
		if i+1 < len(f.records) {
			n := f.records[i+1]
			more = fmt.Sprintf("<NextRecordName>%s</NextRecordName><NextRecordType>%s</NextRecordType>", n.Name, n.Type)
			if n.SetIdentifier != "" {
				more += "<NextRecordIdentifier>" + n.SetIdentifier + "</NextRecordIdentifier>"
			}
		}
	}
	fmt.Fprintf(w, `</ResourceRecordSets><IsTruncated>%t</IsTruncated>%s<MaxItems>1</MaxItems></ListResourceRecordSetsResponse>`, more != "", more)
}

// change applies a batch whole or not at all.
func (f *fake) change(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		f.t.Error(err)
	}
	var batch struct {
		Changes []struct {
			Action string
			Record record `xml:"ResourceRecordSet"`
		} `xml:"ChangeBatch>Changes>Change"`
	}
	if err := xml.Unmarshal(body, &batch); err != nil {
		f.t.Errorf("%v\n%s", err, body)
	}
	next := slices.Clone(f.records)
	var actions []string
	for _, c := range batch.Changes {
		at := slices.IndexFunc(next, func(r record) bool { return r.key() == c.Record.key() })
		exact := at >= 0 && next[at].same(c.Record)
		switch {
		case c.Action == "DELETE" && exact:
			next = slices.Delete(next, at, at+1)
		case c.Action == "CREATE" && at < 0:
			next = append(next, c.Record)
		case c.Action == "UPSERT" && at >= 0:
			next[at] = c.Record
		case c.Action == "UPSERT":
			next = append(next, c.Record)
		default:
			f.refuse(w, http.StatusBadRequest, "InvalidChangeBatch")
			return
		}
		actions = append(actions, fmt.Sprintf("%s %s", c.Action, c.Record.SetIdentifier))
	}
	f.records, f.batches = next, append(f.batches, actions)
	f.changed(w, "ChangeResourceRecordSetsResponse", "PENDING")
}
