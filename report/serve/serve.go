package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/bgverify/bgverify/internal/text"
)

// Execute runs an order to its end and archives it under the order's id. It writes
// messages to log and returns the exit status. When ctx is over it ends the run as
// interrupted and returns.
type Execute func(ctx context.Context, o Order, log io.Writer) (status int)

// Options are what a server is started with.
type Options struct {
	// Root is the folder that keeps the runs.
	Root string
	// Suites are the names that orders may use: slash paths of files and folders, with "."
	// for all of them. Envs are the file names of the env files.
	Suites, Envs []string
	// Token is what callers must show; empty: nothing, and then only callers that address
	// this machine as such are served.
	Token string
	// MaxAge is the longest accepted time since a run ended; 0: any.
	MaxAge time.Duration
	// Execute runs an order.
	Execute Execute
	// RolledBack is called once for each run for which Flagger was answered that it must
	// roll back; nil: not needed. It writes to log what went wrong.
	RolledBack func(ctx context.Context, o Order, a Answer, log io.Writer)
	// Clock is the time; Log gets a line an event.
	Clock func() time.Time
	Log   io.Writer
}

// A Server takes orders, runs them one by one, and answers for them.
type Server struct {
	opts    Options
	menu    menu
	records *records
	queue   *queue
	metrics *metrics
	pages   *os.Root      // of the archive
	checks  chan struct{} // holds a token for each folder that is being verified
	logging sync.Mutex    // guards opts.Log

	telling sync.Mutex      // guards told
	told    map[string]bool // ids that RolledBack was called for
	tasks   sync.WaitGroup  // calls of RolledBack
}

// maxChecks is how many run folders are verified at once: each is read whole.
const maxChecks = 2

// New makes a server and the folders that it needs. Nothing runs until Serve.
func New(opts Options) (*Server, error) {
	opts.Root = filepath.Clean(opts.Root)
	kept, err := openRecords(opts.Root)
	if err != nil {
		return nil, err
	}
	pages, err := os.OpenRoot(opts.Root)
	if err != nil {
		kept.close()
		return nil, fmt.Errorf("open the archive: %w", err)
	}
	return &Server{
		opts: opts, menu: menu{opts.Suites, opts.Envs}, records: kept, queue: newQueue(), metrics: newMetrics(),
		pages: pages, checks: make(chan struct{}, maxChecks), told: map[string]bool{},
	}, nil
}

// Bounds of what a caller may take of the server.
const (
	headTimeout  = 10 * time.Second
	readTimeout  = 30 * time.Second
	writeTimeout = 5 * time.Minute // a large report over a slow line
	idleTimeout  = 2 * time.Minute
	maxHead      = 16 << 10
	lastAnswers  = 5 * time.Second
)

// Serve answers on ln and runs orders until ctx is over. Then the run in progress ends as
// interrupted, which is waited for while gates are still answered, and the server closes.
// It closes ln.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	defer s.pages.Close() //nolint:errcheck // only read
	defer s.records.close()
	server := &http.Server{
		Handler: s.Handler(), ReadHeaderTimeout: headTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHead,
	}
	failed := make(chan error, 1)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		err := server.Serve(ln)
		if !errors.Is(err, http.ErrServerClosed) {
			cancel(err) // no gate can be asked any more
		}
		failed <- err
	}()
	s.work(ctx)
	last, done := context.WithTimeout(context.WithoutCancel(ctx), lastAnswers)
	defer done()
	if server.Shutdown(last) != nil {
		_ = server.Close() // who is still connected has had its time
	}
	s.tasks.Wait()
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// say writes a line to the log.
func (s *Server) say(format string, args ...any) {
	s.logging.Lock()
	defer s.logging.Unlock()
	fmt.Fprintf(s.opts.Log, "bgverify: %s\n", text.Visible(fmt.Sprintf(format, args...)))
}

// A logLine writes what it gets to the server's log.
type logLine struct{ s *Server }

// Write never fails.
func (l logLine) Write(p []byte) (int, error) {
	for _, line := range lines(string(p)) {
		l.s.say("%s", strings.TrimPrefix(line, "bgverify: "))
	}
	return len(p), nil
}
