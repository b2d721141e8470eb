package record

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bgverify/bgverify/internal/hint"
)

// percentDecoded is a part of a query without its percent signs; what cannot be
// decoded is taken as it is.
func percentDecoded(s string) string {
	if out, err := url.QueryUnescape(s); err == nil {
		return out
	}
	return s
}

// A Control is the socket by which another process of the same user sets marks.
type Control struct{ listener net.Listener }

// controls is the folder of the sockets of this user's recorders; nobody else can
// open it.
func controls() (string, error) {
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("bgverify-record-%d", os.Getuid()))
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return "", err
	}
	if !info.IsDir() || info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("%s is not a folder that only this user can open", dir)
	}
	return dir, nil
}

// OpenControl waits for marks until it is closed.
func OpenControl(mark func(title string) bool) (*Control, error) {
	dir, err := controls()
	if err != nil {
		return nil, fmt.Errorf("open the socket for marks: %w", err)
	}
	name := filepath.Join(dir, fmt.Sprintf("%d.sock", os.Getpid()))
	_ = os.Remove(name) // of a process that had this id and was killed
	ln, err := net.Listen("unix", name)
	if err != nil {
		return nil, fmt.Errorf("open the socket for marks: %w", err)
	}
	c := &Control{listener: ln}
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			answerMark(conn, mark)
		}
	}()
	return c, nil
}

// answerMark reads one line, sets it as a mark and answers.
func answerMark(conn net.Conn, mark func(string) bool) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(2 * time.Second))
	line, err := bufio.NewReaderSize(conn, 1024).ReadString('\n')
	if err != nil {
		return
	}
	answer := "ok\n"
	if !mark(strings.TrimSpace(line)) {
		answer = "the recorder has ended or cannot keep up\n"
	}
	_, _ = conn.Write([]byte(answer))
}

// Close ends the socket and removes it.
func (c *Control) Close() error { return c.listener.Close() }

// SendMark sets a mark in the recorder that runs; pid chooses one of several, 0: there
// is only one.
func SendMark(ctx context.Context, title string, pid int) error {
	dir, err := controls()
	if err != nil {
		return fmt.Errorf("find the recorder: %w", err)
	}
	names, err := filepath.Glob(filepath.Join(dir, "*.sock"))
	if err != nil {
		return fmt.Errorf("find the recorder: %w", err)
	}
	var open []net.Conn
	var pids []string
	for _, name := range names {
		id := strings.TrimSuffix(filepath.Base(name), ".sock")
		if pid != 0 && id != fmt.Sprint(pid) {
			continue
		}
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "unix", name)
		if err != nil {
			continue // left by a process that was killed
		}
		defer conn.Close()
		open, pids = append(open, conn), append(pids, id)
	}
	switch len(open) {
	case 0:
		return hint.Errorf("start one: bgverify record --listen ADDR --to URL -o DIR", "no recorder of this user is running")
	case 1:
	default:
		return hint.Errorf("add --pid with one of "+strings.Join(pids, ", "), "%d recorders are running", len(open))
	}
	_ = open[0].SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := fmt.Fprintln(open[0], strings.Join(strings.Fields(title), " ")); err != nil {
		return fmt.Errorf("send the mark: %w", err)
	}
	answer, err := bufio.NewReader(open[0]).ReadString('\n')
	if err != nil {
		return fmt.Errorf("send the mark: %w", err)
	}
	if answer = strings.TrimSpace(answer); answer != "ok" {
		return errors.New(answer)
	}
	return nil
}
