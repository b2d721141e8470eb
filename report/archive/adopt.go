package archive

import (
	"encoding/json"
	"fmt"

	"github.com/bgverify/bgverify/report/archive/disk"
)

// Adopt takes over all exchanges of another run with their bodies, in the order in
// which they were written. Secrets were replaced when the other folder was made, and
// what was replaced in a pair stays listed with it. rename gives each key the name that
// it has in this run. A body that is missing or is not what its digest says is an error.
func (w *Writer) Adopt(from *Folder, rename func(key string) string) error {
	_, _, torn, err := from.scan(ExchangesFile, func(ln *line, _, _ int64) error {
		var rec pairRecord
		if err := json.Unmarshal(ln.Data, &rec); err != nil {
			return fmt.Errorf("pair %s: %w", ln.Key, err)
		}
		for _, x := range []*exchangeRecord{rec.Blue, rec.Green} {
			if err := w.adoptBodies(from, x); err != nil {
				return fmt.Errorf("pair %s: %w", ln.Key, err)
			}
		}
		return w.logPair(rename(ln.Key), &rec)
	})
	if err == nil && torn {
		err = fmt.Errorf("the last line of %s is torn", ExchangesFile)
	}
	if err != nil {
		return fmt.Errorf("take over the exchanges of %s: %w", from.path, err)
	}
	return nil
}

// adoptBodies copies the bodies of one exchange, and says where they are now.
func (w *Writer) adoptBodies(from *Folder, x *exchangeRecord) error {
	if x == nil {
		return nil
	}
	for _, ref := range []*bodyRef{x.Body, x.Answer} {
		if ref == nil {
			continue
		}
		body, err := from.bodies.get(*ref)
		if err != nil {
			return err
		}
		if *ref, err = w.bodies.put(body); err != nil {
			return err
		}
	}
	return nil
}

// logPair appends the record of a pair, whose secrets are replaced, to exchanges.ndjson and to the index.
func (w *Writer) logPair(key string, rec *pairRecord) error {
	data, err := disk.EncodeLine(rec)
	if err != nil {
		return fmt.Errorf("pair %s: %w", key, err)
	}
	start, end, err := w.exchanges.append((&line{Kind: kindPair, Key: key}).head(), data)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pairs.add(key, place{start, end - start})
	return nil
}
