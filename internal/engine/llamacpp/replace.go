package llamacpp

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Times of a child that is no longer wanted.
const (
	linger     = time.Minute     // longer than a backend takes to notice that another one has its name
	drainLimit = 5 * time.Minute // longer than any caller waits for an answer
)

// Prepare starts the models of specs that are not served yet, beside those that are, and waits until each has answered
// a question. The function that it gives makes specs what is served, in one step: models that stay are not touched, and
// those that are no longer wanted end a while later, when they have finished what they work on; one that is wanted
// again before, as after a rollback, needs no start. Where one does not start, or ctx ends,
// everything stays as it is. Prepare is not to be called again before that function was.
func (s *Supervisor) Prepare(ctx context.Context, specs []Spec) (commit func(), err error) {
	if err := checkAll(specs); err != nil {
		return nil, err
	}
	next, fresh := s.arrange(specs)
	abandon := func() {
		s.change(func() { release(next) })
		for _, c := range fresh {
			c.stopNow()
		}
	}
	for _, c := range fresh {
		if !s.begin(c) {
			abandon()
			return nil, errors.New("the engine is shutting down")
		}
	}
	if err := s.await(ctx, fresh); err != nil {
		abandon()
		return nil, err
	}
	return func() { s.commit(specs, next) }, nil
}

// arrange gives the children of specs in their order, those that run already and fresh ones. One that was to leave
// is held.
func (s *Supervisor) arrange(specs []Spec) (next, fresh []*child) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, spec := range specs {
		spec = spec.withDefaults()
		running := slices.Concat(s.children, s.leaving)
		i := slices.IndexFunc(running, func(c *child) bool {
			return c.spec.runsAs(spec) && (c.up || slices.Contains(s.children, c))
		})
		if i >= 0 {
			running[i].held = true
			next = append(next, running[i])
			continue
		}
		c := s.newChild(spec)
		next, fresh = append(next, c), append(fresh, c)
	}
	return next, fresh
}

// runsAs tells whether a process of one spec is one of the other.
func (s Spec) runsAs(o Spec) bool {
	return s.Name == o.Name && s.ModelPath == o.ModelPath && s.AdapterPath == o.AdapterPath &&
		s.ContextTokens == o.ContextTokens && s.Threads == o.Threads && maps.Equal(s.TemplateArgs, o.TemplateArgs)
}

func (s *Supervisor) newChild(spec Spec) *child {
	c := &child{spec: spec, root: spec.Root, card: spec.Card, runtime: s.runtime, key: rand.Text(), supervisor: s}
	c.stop, c.stopNow = context.WithCancel(s.stop)
	return c
}

// begin starts a child's process, unless the supervisor is closing.
func (s *Supervisor) begin(c *child) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	s.ended.Go(c.keep)
	return true
}

// await waits until each of the children has answered.
func (s *Supervisor) await(ctx context.Context, list []*child) error {
	for {
		changed := s.Changed()
		ready, err := s.state(list)
		if ready || err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// commit puts the next children into the places of the present ones.
func (s *Supervisor) commit(specs []Spec, next []*child) {
	var former []*child
	s.change(func() {
		if s.closing {
			return
		}
		former = slices.DeleteFunc(slices.Clone(s.children), func(c *child) bool { return slices.Contains(next, c) })
		release(next)
		s.children = next
		s.leaving = slices.DeleteFunc(append(s.leaving, former...), func(c *child) bool { return slices.Contains(next, c) })
		for i, c := range next {
			c.root, c.card = specs[i].Root, specs[i].Card
		}
	})
	for _, c := range former {
		s.ended.Go(c.retire)
	}
}

// release lets go of children that arrange held.
func release(list []*child) {
	for _, c := range list {
		c.held = false
	}
}

// retire ends a child that is no longer listed, when nobody uses it any more. One that is listed again lives on.
func (c *child) retire() {
	s := c.supervisor
	for leaves := false; !leaves; {
		select {
		case <-time.After(s.opts.linger):
		case <-c.stop.Done():
		}
		again := false
		s.change(func() {
			again = slices.Contains(s.children, c)
			if leaves = !again && (!c.held || c.stop.Err() != nil); leaves {
				s.leaving = slices.DeleteFunc(s.leaving, func(o *child) bool { return o == c })
			}
		})
		if again {
			return
		}
	}
	ctx, cancel := context.WithTimeout(c.stop, drainLimit)
	defer cancel()
	left := make(chan struct{})
	go func() {
		defer close(left)
		c.users.Wait()
	}()
	select {
	case <-left:
		c.waitIdle(ctx, c.url())
	case <-ctx.Done():
	}
	c.stopNow()
}

// told is a row of the list of models.
type told struct {
	ID      string          `json:"id"`
	Object  string          `json:"object"`
	Created int64           `json:"created"`
	OwnedBy string          `json:"owned_by"`
	Root    string          `json:"root,omitempty"`
	Meta    json.RawMessage `json:"meta"`
	Card    json.RawMessage `json:"sat,omitempty"`
}

// list gives the models that have answered, and whether those are all.
func (s *Supervisor) list() (rows []told, all bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rows = []told{}
	for _, c := range s.children {
		if c.facts != nil {
			rows = append(rows, told{ID: c.spec.Name, Object: "model", OwnedBy: "llamacpp", Root: c.root,
				Meta: c.facts.Meta, Card: c.card})
		}
	}
	return rows, len(rows) == len(s.children)
}

func checkAll(specs []Spec) error {
	seen := map[string]bool{}
	for _, spec := range specs {
		if err := spec.check(); err != nil {
			return err
		}
		if seen[spec.Name] {
			return fmt.Errorf("two models are to be served as %q", spec.Name)
		}
		seen[spec.Name] = true
	}
	if len(specs) == 0 {
		return errors.New("no model to serve")
	}
	return nil
}
