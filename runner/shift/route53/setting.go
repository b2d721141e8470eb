package route53

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/bgverify/bgverify/runner/shift/machine"
)

// setting is what the records of the name say but for the weights of the pair: every other record
// that leads clients somewhere, and of the pair where it leads, for how long, and under what condition.
func (d *Driver) setting(records []types.ResourceRecordSet) machine.Setting {
	s := machine.Setting{}
	for i := range records {
		r := &records[i]
		id := aws.ToString(r.SetIdentifier)
		switch {
		case !slices.Contains(addressTypes, r.Type):
		case string(r.Type) == d.config.Type && r.Weight != nil && (id == d.config.Blue || id == d.config.Green):
			describe(s, r)
		case r.Weight != nil:
			s[fmt.Sprintf("record %s %q", r.Type, id)] = fmt.Sprintf("weight %d", *r.Weight)
		case r.SetIdentifier != nil:
			s[fmt.Sprintf("record %s %q", r.Type, id)] = "another routing policy"
		default:
			s["record "+string(r.Type)] = "a simple record"
		}
	}
	return s
}

// describe adds everything but the weight of a record.
func describe(s machine.Setting, r *types.ResourceRecordSet) {
	add := func(what, value string) {
		if value != "" {
			s[what+" of "+aws.ToString(r.SetIdentifier)] = value
		}
	}
	if r.TTL != nil {
		add("TTL", fmt.Sprint(*r.TTL))
	}
	if a := r.AliasTarget; a != nil {
		add("alias", plainName(aws.ToString(a.DNSName))+" in zone "+aws.ToString(a.HostedZoneId))
		add("evaluate-target-health", fmt.Sprint(a.EvaluateTargetHealth))
	}
	var values []string
	for _, v := range r.ResourceRecords {
		values = append(values, aws.ToString(v.Value))
	}
	slices.Sort(values)
	add("value", strings.Join(values, ", "))
	add("health check", aws.ToString(r.HealthCheckId))
	add("traffic policy", aws.ToString(r.TrafficPolicyInstanceId))
}
