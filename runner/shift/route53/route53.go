// Package route53 gives weight to two weighted records of a Route 53 zone.
//
// In comes a zone, a name, a type, and the set identifiers of blue and green; out come
// batches of changes through the AWS SDK, which this package alone imports of runner. The
// rules:
//
//  1. A record is read whole and written whole: only Weight differs.
//  2. Both records are in one batch, which Route 53 applies whole or not at all.
//  3. A write that must not hide another's deletes exactly what was read and creates
//     the new records, in the one batch: where a record has changed meanwhile, Route 53 refuses
//     all of it. Records are deleted in no other way.
//  4. Weights are in effect when Route 53 says INSYNC; resolvers then keep the old answer
//     for the TTL, and some for longer.
//
// Credentials, region and endpoint come from where the SDK looks for them: the
// environment, the shared files, the role of the pod or machine.
package route53

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/smithy-go"

	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/runner/shift"
	"github.com/bgverify/bgverify/runner/shift/machine"
	"github.com/bgverify/bgverify/scenarios/shiftfile"
)

// maxWeight is the largest weight of a record.
const maxWeight = 255

// A Driver changes the weights of two records.
type Driver struct {
	config shiftfile.Route53
	api    *route53.Client
	// change is the ID of the last accepted batch, pair the records as last read.
	change atomic.Pointer[string]
	pair   atomic.Pointer[pair]
	// poll is the time between two questions for a change.
	poll time.Duration
}

// A pair are the two records, and what was read with them.
type pair struct {
	blue, green types.ResourceRecordSet
	setting     machine.Setting
}

func (p *pair) weights() machine.Weights {
	return machine.Weights{Blue: int(aws.ToInt64(p.blue.Weight)), Green: int(aws.ToInt64(p.green.Weight))}
}

// New makes a driver. Configuration of the SDK is read; nothing is sent.
func New(c shiftfile.Route53) (*Driver, error) {
	loaded, err := config.LoadDefaultConfig(context.Background(), config.WithRetryer(func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = 8, 4*time.Second })
	}))
	if err != nil {
		return nil, hint.Errorf("AWS_PROFILE, AWS_REGION and the credentials are read from the environment", "AWS configuration: %w", err)
	}
	if loaded.Region == "" {
		loaded.Region = "us-east-1" // Route 53 is one service for all regions
	}
	return &Driver{config: c, api: route53.NewFromConfig(loaded), poll: 3 * time.Second}, nil
}

// Name says what is written to.
func (d *Driver) Name() string { return "route53 " + d.config.Record + " " + d.config.Type }

// Max is the largest weight of a record.
func (d *Driver) Max() int { return maxWeight }

// records lists all records of the name, of every type, or those of another name.
func (d *Driver) records(ctx context.Context, name string) ([]types.ResourceRecordSet, error) {
	var out []types.ResourceRecordSet
	input := &route53.ListResourceRecordSetsInput{HostedZoneId: &d.config.Zone, StartRecordName: aws.String(plainName(name))}
	for {
		page, err := d.api.ListResourceRecordSets(ctx, input)
		if err != nil {
			return nil, explain("list the records of "+name, err)
		}
		for _, r := range page.ResourceRecordSets {
			if plainName(aws.ToString(r.Name)) != plainName(name) {
				return out, nil // sorted by name: the rest is others'
			}
			out = append(out, r)
		}
		if !page.IsTruncated {
			return out, nil
		}
		input.StartRecordName, input.StartRecordType, input.StartRecordIdentifier = page.NextRecordName, page.NextRecordType, page.NextRecordIdentifier
	}
}

// plainName writes names in one spelling: lower case, with the dot at the end, and without the
// octal escape of a wildcard.
func plainName(s string) string {
	s = strings.ReplaceAll(strings.ToLower(strings.TrimSuffix(s, ".")), `\052`, "*")
	return s + "."
}

// find picks the pair among the records of the name.
func (d *Driver) find(records []types.ResourceRecordSet) (*pair, error) {
	p := &pair{setting: d.setting(records)}
	var blue, green bool
	for _, r := range records {
		if string(r.Type) != d.config.Type || r.Weight == nil {
			continue
		}
		switch aws.ToString(r.SetIdentifier) {
		case d.config.Blue:
			p.blue, blue = r, true
		case d.config.Green:
			p.green, green = r, true
		}
	}
	for _, missing := range []struct {
		found bool
		id    string
	}{{blue, d.config.Blue}, {green, d.config.Green}} {
		if !missing.found {
			return nil, fmt.Errorf("%s has no weighted record %q", d.Name(), missing.id)
		}
	}
	return p, nil
}

// read returns the pair as Route 53 has it.
func (d *Driver) read(ctx context.Context) (*pair, error) {
	records, err := d.records(ctx, d.config.Record)
	if err != nil {
		return nil, err
	}
	p, err := d.find(records)
	if err == nil {
		d.pair.Store(p)
	}
	return p, err
}

// Read returns the weights, and what else decides which record is answered and how.
func (d *Driver) Read(ctx context.Context) (machine.Weights, machine.Setting, error) {
	p, err := d.read(ctx)
	if err != nil {
		return machine.Weights{}, nil, err
	}
	return p.weights(), p.setting, nil
}

// Write sends one batch with both records. Rules 1 to 3.
func (d *Driver) Write(ctx context.Context, from, to machine.Weights, compare bool) error {
	have, err := d.read(ctx)
	if err != nil {
		return err
	}
	if compare && have.weights() != from {
		return shift.Refused(fmt.Errorf("the weights are %s, not %s", have.weights(), from))
	}
	next := *have
	next.blue.Weight, next.green.Weight = aws.Int64(int64(to.Blue)), aws.Int64(int64(to.Green))
	var changes []types.Change
	add := func(action types.ChangeAction, records ...*types.ResourceRecordSet) {
		for _, r := range records {
			changes = append(changes, types.Change{Action: action, ResourceRecordSet: r})
		}
	}
	if compare && from != to { // Rule 3
		add(types.ChangeActionDelete, &have.blue, &have.green)
		add(types.ChangeActionCreate, &next.blue, &next.green)
	} else {
		add(types.ChangeActionUpsert, &next.blue, &next.green)
	}
	out, err := d.api.ChangeResourceRecordSets(ctx, &route53.ChangeResourceRecordSetsInput{
		HostedZoneId: &d.config.Zone, ChangeBatch: &types.ChangeBatch{Comment: aws.String("bgverify shift to " + to.String()), Changes: changes},
	})
	if err != nil {
		return explain("change the weights", err)
	}
	d.change.Store(out.ChangeInfo.Id)
	return nil
}

// Await asks until Route 53 says that the last batch is on all of its servers. Rule 4.
func (d *Driver) Await(ctx context.Context) (time.Duration, error) {
	id := d.change.Load()
	for id != nil {
		limited, cancel := context.WithTimeout(ctx, changeTimeout)
		out, err := d.api.GetChange(limited, &route53.GetChangeInput{Id: id})
		cancel()
		if err == nil && out.ChangeInfo.Status == types.ChangeStatusInsync {
			break
		}
		if err != nil && !passing(err) {
			return 0, explain("ask for the change", err)
		}
		select {
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		case <-time.After(d.poll):
		}
	}
	p := d.pair.Load()
	if p == nil {
		return 0, errors.New("the records were not read")
	}
	return max(ttlOf(&p.blue), ttlOf(&p.green)), nil
}

// changeTimeout bounds one question for a change, after which it is asked again.
const changeTimeout = 20 * time.Second

// aliasTTL is how long answers of alias records are kept: that of the load balancers they name.
const aliasTTL = 60 * time.Second

func ttlOf(r *types.ResourceRecordSet) time.Duration {
	if r.AliasTarget != nil {
		return aliasTTL
	}
	return time.Duration(aws.ToInt64(r.TTL)) * time.Second
}

// passing reports whether an error may be gone at the next try.
func passing(err error) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return true // no answer
	}
	_, throttled := retry.DefaultThrottleErrorCodes[api.ErrorCode()]
	return throttled || api.ErrorFault() == smithy.FaultServer
}

// explain wraps an error; what the API refused is a refusal.
func explain(what string, err error) error {
	err = fmt.Errorf("%s: %w", what, err)
	if passing(err) {
		return err
	}
	return shift.Refused(err)
}

// ByHand is the command of the AWS tool that sets the weights.
func (d *Driver) ByHand(to machine.Weights) []string {
	p := d.pair.Load()
	if p == nil {
		return []string{fmt.Sprintf("in zone %s set the weight of %s %s: %s=%d, %s=%d", d.config.Zone, d.config.Record, d.config.Type, d.config.Blue, to.Blue, d.config.Green, to.Green)}
	}
	next := *p
	next.blue.Weight, next.green.Weight = aws.Int64(int64(to.Blue)), aws.Int64(int64(to.Green))
	batch := map[string]any{"Changes": []any{
		map[string]any{"Action": "UPSERT", "ResourceRecordSet": bare(next.blue)},
		map[string]any{"Action": "UPSERT", "ResourceRecordSet": bare(next.green)},
	}}
	text, err := json.Marshal(batch)
	if err != nil {
		return []string{err.Error()}
	}
	return []string{fmt.Sprintf("aws route53 change-resource-record-sets --hosted-zone-id %s --change-batch '%s'", d.config.Zone, text)}
}

// bare is a value as JSON without what is not set.
func bare(v any) any {
	text, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	var out any
	if json.Unmarshal(text, &out) != nil {
		return nil
	}
	return strip(out)
}

func strip(v any) any {
	switch x := v.(type) {
	case map[string]any:
		for k, e := range x {
			if e = strip(e); e == nil || e == "" {
				delete(x, k)
				continue
			}
			x[k] = e
		}
	case []any:
		for i := range x {
			x[i] = strip(x[i])
		}
	case float64:
		return json.Number(strconv.FormatFloat(x, 'f', -1, 64))
	}
	return v
}

// Check refuses what a walk of two weighted records would break or not move.
func (d *Driver) Check(ctx context.Context) error {
	if _, err := d.api.GetHostedZone(ctx, &route53.GetHostedZoneInput{Id: &d.config.Zone}); err != nil {
		return explain("read zone "+d.config.Zone, err)
	}
	records, err := d.records(ctx, d.config.Record)
	if err != nil {
		return err
	}
	if len(records) == 0 {
		return hint.Errorf("name and zone as Route 53 has them", "zone %s has no record %s", d.config.Zone, d.config.Record)
	}
	var wrong []error
	for i := range records {
		if err := d.refuse(&records[i]); err != nil {
			wrong = append(wrong, err)
		}
	}
	owner, err := d.owner(ctx, records)
	if err != nil {
		return err
	}
	if owner != "" {
		wrong = append(wrong, hint.Errorf("walk its annotation aws-weight by the exec driver, or take the name out of external-dns",
			"%s is owned by external-dns (%s): it would write its own weights again", d.config.Record, owner))
	}
	if len(wrong) > 0 {
		return errors.Join(wrong...)
	}
	if _, err := d.find(records); err != nil {
		return hint.Errorf("blue and green are set identifiers", "%w", err)
	}
	return nil
}

// addressTypes are the types of records that lead clients somewhere.
var addressTypes = []types.RRType{types.RRTypeA, types.RRTypeAaaa, types.RRTypeCname, "HTTPS", "SVCB"}

// refuse says why one record of the name must not be there.
func (d *Driver) refuse(r *types.ResourceRecordSet) error {
	id := aws.ToString(r.SetIdentifier)
	switch {
	case !slices.Contains(addressTypes, r.Type):
		return nil
	case string(r.Type) != d.config.Type:
		return hint.Errorf("remove it, or walk it by its own shift file", "%s also has a record of type %s, which is not walked: its clients would stay where they are", d.config.Record, r.Type)
	case r.SetIdentifier == nil:
		return hint.Errorf("a simple record cannot become weighted in place: create weighted records under another name first", "%s %s is a simple record", d.config.Record, r.Type)
	case r.Weight == nil:
		return hint.Errorf("only weighted records can be walked", "record %q of %s has another routing policy than weight", id, d.config.Record)
	case id != d.config.Blue && id != d.config.Green && aws.ToInt64(r.Weight) > 0:
		return hint.Errorf("give it weight 0, or remove it", "%s has a third weighted record, %q of weight %d: shares of two would not be what they say", d.config.Record, id, aws.ToInt64(r.Weight))
	}
	return nil
}

// owner finds the TXT record by which external-dns marks what it owns.
func (d *Driver) owner(ctx context.Context, records []types.ResourceRecordSet) (string, error) {
	first, rest, _ := strings.Cut(plainName(d.config.Record), ".")
	for _, prefix := range []string{"a-", "aaaa-", "cname-"} {
		more, err := d.records(ctx, prefix+first+"."+rest)
		if err != nil {
			return "", err
		}
		records = append(records, more...)
	}
	for _, r := range records {
		if r.Type != types.RRTypeTxt {
			continue
		}
		for _, v := range r.ResourceRecords {
			if strings.Contains(aws.ToString(v.Value), "heritage=external-dns") {
				return "TXT record " + aws.ToString(r.Name), nil
			}
		}
	}
	return "", nil
}
