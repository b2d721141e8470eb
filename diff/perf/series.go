package perf

// A Series is what the plots of a load stage are drawn from, bounded in size.
type Series struct {
	BucketS     float64
	Buckets     []Bucket // at most 300
	Percentiles []PercPoint
}

// A Bucket is a slice of time of a load stage.
type Bucket struct {
	Start                                float64 // seconds since the schedule's start
	BlueP50, BlueP99, GreenP50, GreenP99 float64 // seconds; 0 without requests
	BlueErrors, GreenErrors              int
	Offered, Achieved                    float64 // requests per second, both sides
}

// A PercPoint is one point of both sides' percentile curves.
type PercPoint struct {
	Q           float64
	Blue, Green float64 // seconds
}
