package llamacpp

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"
)

// child is one served model and its process. The fields below the line are the supervisor's to lock.
type child struct {
	spec       Spec
	runtime    Runtime
	key        string
	supervisor *Supervisor
	stop       context.Context // ends when the process must
	stopNow    context.CancelFunc
	users      sync.WaitGroup // requests that the gateway hands over; none is added once the child is not found any more

	root      string          // as the newest spec says
	card      json.RawMessage // as the newest spec says
	held      bool            // wanted by specs that are being prepared
	port      int
	elsewhere bool // take another port at the next start
	pid       int
	up        bool
	restarts  int
	deaths    int    // in a row
	facts     *facts // what it said of itself; nil before its first answer ever
	fault     string
}

func (c *child) endpoint() Endpoint {
	e := Endpoint{Name: c.spec.Name, Key: c.key, Up: c.up && !c.supervisor.closing, PID: c.pid, Restarts: c.restarts, Fault: c.fault}
	if c.port != 0 {
		e.BaseURL = address(c.port) + "/v1"
	}
	if c.facts != nil {
		e.ContextTokens = c.facts.Context
	}
	return e
}

// url is where the child listens.
func (c *child) url() string {
	c.supervisor.mu.Lock()
	defer c.supervisor.mu.Unlock()
	return address(c.port)
}

// keep runs the child's process, again and again, until the supervisor stops. It stays on one thread: Linux kills a
// child when the thread that started it ends, which must not happen before the program does.
func (c *child) keep() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	s, log := c.supervisor, c.supervisor.opts.Log.With("model", c.spec.Name)
	for {
		begun := time.Now()
		err := c.live()
		if c.stop.Err() != nil {
			s.change(func() { c.up, c.pid = false, 0 })
			return
		}
		s.change(func() {
			if c.up && time.Since(begun) > steady {
				c.deaths = 0
			}
			c.elsewhere = !c.up // another program may have taken the port
			c.deaths++
			c.up, c.pid, c.fault = false, 0, err.Error()
		})
		pause := s.opts.backoff(c.deaths)
		log.Warn("the engine died and is started again", "deaths", c.deaths, "pause", pause, "err", err)
		select {
		case <-c.stop.Done():
			return
		case <-time.After(pause):
		}
		s.change(func() { c.restarts++ })
	}
}

// live runs one process from its start to its end, which it gives the reason of.
func (c *child) live() error {
	s := c.supervisor
	port := c.port
	if port == 0 || c.elsewhere {
		var err error
		if port, err = freePort(); err != nil {
			return err
		}
	}
	cmd, line, err := c.runtime.command(c.spec, port, c.key)
	if err != nil {
		return err
	}
	output := &logWriter{log: s.opts.Log.With("model", c.spec.Name)}
	cmd.Stdout, cmd.Stderr = output, output
	cmd.WaitDelay = stopLimit
	ownGroup(cmd)
	input, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	s.change(func() { c.port, c.pid = port, cmd.Process.Pid })
	exited, watched := make(chan struct{}), make(chan error)
	go func() {
		_, _ = input.Write(line) // a process that is gone already says why itself
		watched <- c.watch(address(port), exited, func() {
			_ = input.Close()
			_ = terminate(cmd.Process)
			select {
			case <-exited:
			case <-time.After(stopLimit):
				_ = cmd.Process.Kill()
			}
		})
	}()
	err = cmd.Wait()
	close(exited)
	return why(cmp.Or(<-watched, err), output)
}

// watch waits for the first answer of a process and makes it known, then for its end. It ends the process itself when
// the supervisor stops, and when no answer came: that is its error.
func (c *child) watch(url string, exited <-chan struct{}, end func()) error {
	s, begun := c.supervisor, time.Now()
	ctx, cancel := context.WithTimeout(c.stop, startLimit)
	defer cancel()
	go func() {
		defer cancel()
		select {
		case <-exited:
		case <-ctx.Done():
		}
	}()
	said, err := c.firstAnswer(ctx, url)
	if err != nil {
		end()
		if errors.Is(err, context.Canceled) {
			return nil
		}
		return err
	}
	s.change(func() { c.up, c.facts, c.fault = true, said, "" })
	s.opts.Log.Info("the engine answers", "model", c.spec.Name, "url", url, "took", time.Since(begun).Round(time.Millisecond))
	select {
	case <-exited:
	case <-c.stop.Done():
		end()
	}
	return nil
}

// why joins what ended a process with the last lines that it wrote.
func why(err error, output *logWriter) error {
	err = cmp.Or(err, errors.New("it ended by itself"))
	if tail := output.tail(); tail != "" {
		return fmt.Errorf("%w; its last lines: %s", err, tail)
	}
	return err
}
