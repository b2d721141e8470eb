package main

import (
	"io"
	"os"
	"time"
)

// A patient is a writer in front of one that may hang: a terminal that was stopped, a pipe
// that is never read. A write is waited for a moment and then left behind, without an error, so that
// nothing that is printed keeps traffic from going back.
type patient struct {
	w     io.Writer
	queue chan scrap
}

// A scrap is a text on its way, with where its error goes.
type scrap struct {
	text []byte
	done chan error
}

// patienceOfWrites is how long a write is waited for.
const patienceOfWrites = time.Second

func newPatient(w io.Writer) *patient {
	p := &patient{w, make(chan scrap, 64)}
	go func() { // ends with the process
		for s := range p.queue {
			_, err := p.w.Write(s.text)
			s.done <- err
		}
	}()
	return p
}

func (p *patient) Write(text []byte) (int, error) {
	s := scrap{append([]byte(nil), text...), make(chan error, 1)}
	late := time.NewTimer(patienceOfWrites)
	defer late.Stop()
	select {
	case p.queue <- s:
	case <-late.C:
		return len(text), nil
	}
	select {
	case err := <-s.done:
		if err != nil {
			return 0, err
		}
	case <-late.C:
	}
	return len(text), nil
}

// patient is io with writes that do not hang.
func (io stdio) patient() stdio {
	io.out, io.err = newPatient(io.out), newPatient(io.err)
	return io
}

// lost says whether nobody reads standard output any more, without writing to it.
func (io stdio) lost() error {
	w := io.out
	if p, ok := w.(*patient); ok {
		w = p.w
	}
	if o, ok := w.(*output); ok {
		w = o.w
	}
	if f, ok := w.(*os.File); ok {
		return hungUp(f)
	}
	return nil
}
