package dataset

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"sattutor/internal/eval"
	"sattutor/internal/prompt"
	"sattutor/internal/sat"
)

// Options say what a data set is built from and how.
type Options struct {
	Sources   []Source // of training data; a share of their passages becomes the validation split
	Val       []Source // of the validation split, instead of a share
	Exclude   []Source // evaluation data: no passage that shares 13 words in a row with one of theirs is kept
	Method    Method
	Template  string // of package prompt; "" for the method's own
	Seed      uint64
	ValShare  float64 // of the passages, where Val is empty
	TestShare float64 // of the passages, kept out of both splits and written as items to be measured on
	Permute   int     // so many re-drawn orders of each question's choices; 0 keeps the source's order
	MaxChars  int     // of a rendered prompt; longer ones are dropped and listed; 0 for no limit
	Strict    bool    // refuse what would be dropped for overlap or a missing licence
	Out       string  // the folder to write
	Date      string  // the date string of the chat template, the same in every record
	Version   string  // of this program
	Now       time.Time
	Progress  func(step string, done, of int) // told often; nil for nobody
}

func (o Options) report(step string, done, of int) {
	if o.Progress != nil {
		o.Progress(step, done, of)
	}
}

// Build reads, cleans, splits and renders, and writes the folder. Everything that it leaves out it lists with a reason.
func Build(ctx context.Context, o Options) (Manifest, error) {
	o, err := o.checked()
	if err != nil {
		return Manifest{}, err
	}
	b := builder{options: o, manifest: newManifest(o)}
	for _, part := range []struct {
		split   string
		sources []Source
	}{{"train", o.Sources}, {"val", o.Val}} {
		for _, s := range part.sources {
			if err := ctx.Err(); err != nil {
				return Manifest{}, err
			}
			if err := b.gather(s, part.split); err != nil {
				return Manifest{}, err
			}
		}
	}
	if err := b.exclude(ctx); err != nil {
		return Manifest{}, err
	}
	b.split()
	if err := b.refuse(); err != nil {
		return Manifest{}, err
	}
	return b.manifest, b.write(ctx)
}

func (o Options) checked() (Options, error) {
	own := map[Method]string{Option: prompt.OptionV1, Letter: prompt.AnswerV1, LetterText: prompt.AnswerV1}
	if own[o.Method] == "" {
		return o, usage("method %q is unknown; use letter_text, letter or option", o.Method)
	}
	if o.Template == "" {
		o.Template = own[o.Method]
	}
	switch {
	case prompt.TemplateHash(o.Template) == "":
		return o, usage("template %q is unknown; use one of %v", o.Template, prompt.Templates())
	case (o.Method == Option) != (o.Template == prompt.OptionV1):
		return o, usage("template %s does not suit method %s", o.Template, o.Method)
	case len(o.Sources) == 0:
		return o, usage("name at least one source: --source KIND:PATH")
	case o.Out == "":
		return o, usage("name the folder to write: --out FOLDER")
	case o.ValShare < 0 || o.TestShare < 0 || o.ValShare+o.TestShare >= 1:
		return o, usage("the shares of the validation and the test split must not be negative, and together be less than 1")
	case o.TestShare > 0 && len(o.Val) > 0:
		return o, usage("a test share divides the sources; with a validation source of its own, name the evaluation data by --exclude")
	case o.Permute < 0 || o.MaxChars < 0:
		return o, usage("numbers must not be negative")
	}
	return o, nil
}

// builder is one build on its way.
type builder struct {
	options  Options
	manifest Manifest
	kept     []question
	splits   []string // of kept: train, val or test; "" until decided
	texts    map[string]bool
	held     map[string]string   // passages that are kept for measuring, and their splits
	grams    map[string][]uint64 // of each passage that is kept
}

func (b *builder) reading(done, of int) { b.options.report("reading", done, of) }

// gather reads a source and keeps what is fit for training.
func (b *builder) gather(s Source, split string) error {
	items, sums, err := s.read(b.options.Seed, b.reading)
	if err != nil {
		return err
	}
	b.manifest.addSource(s, split, sums)
	if b.texts == nil {
		b.texts, b.grams, b.held = map[string]bool{}, map[string][]uint64{}, map[string]string{}
	}
	if split == "train" && len(b.options.Val) == 0 {
		split = ""
	}
	for i, it := range items {
		b.options.report("cleaning", i+1, len(items))
		q, reason := b.fit(it)
		if reason != "" {
			b.manifest.drop(it.ID, reason)
			continue
		}
		put := split
		if it.Split == string(sat.ForTuning) {
			put = "val"
		}
		b.kept, b.splits = append(b.kept, q), append(b.splits, put)
	}
	return nil
}

// fit brings an item into the form that is served, or says why it must not be trained on.
func (b *builder) fit(it eval.Item) (question, string) {
	switch {
	case it.Split == string(sat.ForTest) || it.Split == string(sat.ForHoldout):
		b.held[it.Passage] = it.Split
		return question{}, heldOut + it.Split
	case it.Excluded != "":
		return question{}, it.Excluded
	case strings.TrimSpace(it.Licence) == "":
		return question{}, noLicence
	case slices.ContainsFunc(it.Requires, func(r string) bool { return r != "line" }):
		return question{}, "needs what the passage does not hold: " + strings.Join(it.Requires, ", ")
	}
	raw := sat.Question{Passage: it.Passage, Stem: it.Question}
	for _, c := range it.Choices {
		raw.Choices = append(raw.Choices, c.Text)
	}
	ask, err := prompt.Canonical(raw)
	if err != nil {
		return question{}, reasonOf(err)
	}
	key, ok := sat.LetterIndex(it.Answer)
	if !ok || key >= len(ask.Choices) {
		return question{}, "the key names none of the choices"
	}
	if long := len(ask.Passage) + len(ask.Stem); b.options.MaxChars > 0 && long > b.options.MaxChars {
		return question{}, fmt.Sprintf("longer than %d characters", b.options.MaxChars)
	}
	id := eval.NormID(ask.Passage) + "\n" + ask.Stem + "\n" + strings.Join(ask.Choices, "\n")
	sum := digest([]byte(id))
	if b.texts[sum] {
		return question{}, "the same question twice"
	}
	b.texts[sum] = true
	it.PassageID = eval.PassageID(ask.Passage)
	if _, known := b.grams[it.PassageID]; !known {
		b.grams[it.PassageID] = eval.Grams(ask.Passage)
	}
	return question{item: it, ask: ask, key: key}, ""
}

// reasonOf gives the fields that a question breaks.
func reasonOf(err error) string {
	var e *sat.Error
	if !errors.As(err, &e) || len(e.Fields) == 0 {
		return err.Error()
	}
	return e.Fields[0].Field + " " + e.Fields[0].Message
}

// exclude drops every passage that shares a sequence of 13 words with evaluation data: that which was named, and that
// which the sources themselves keep for measuring.
func (b *builder) exclude(ctx context.Context) error {
	known, seen := map[uint64]string{}, map[string]string{}
	for passage, split := range b.held {
		for _, gram := range eval.Grams(passage) {
			known[gram] = split
		}
		clean, _ := prompt.Canonical(sat.Question{Passage: passage}) // the faults of such a question are nobody's concern here
		seen[eval.PassageID(clean.Passage)] = "its passage is kept for measuring: " + split
	}
	for _, s := range b.options.Exclude {
		if err := ctx.Err(); err != nil {
			return err
		}
		items, sums, err := s.read(b.options.Seed, b.reading)
		if err != nil {
			return err
		}
		b.manifest.Excluded = append(b.manifest.Excluded, sums...)
		for i, it := range items {
			b.options.report("taking evaluation passages apart", i+1, len(items))
			if i > 0 && it.Passage == items[i-1].Passage {
				continue
			}
			for _, gram := range eval.Grams(it.Passage) {
				known[gram] = string(s.Kind)
			}
		}
	}
	done := 0
	for passage, grams := range b.grams {
		done++
		b.options.report("comparing with evaluation passages", done, len(b.grams))
		for _, gram := range grams {
			if pool, hit := known[gram]; hit {
				seen[passage] = "shares 13 words in a row with evaluation data (" + pool + ")"
				break
			}
		}
	}
	b.remove(func(i int) string { return seen[b.kept[i].item.PassageID] })
	return nil
}

// split puts each passage, and all that share a sequence of words with it, into one split.
func (b *builder) split() {
	units := b.unite()
	if len(b.options.Val) > 0 {
		b.sever(units)
		return
	}
	var order []int
	for i := range b.kept {
		b.kept[i].unit = units[b.kept[i].item.PassageID]
		order = append(order, b.kept[i].unit)
	}
	slices.Sort(order)
	order = slices.Compact(order)
	rng := rand.New(rand.NewPCG(b.options.Seed, 1))
	rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	put, all := map[int]string{}, float64(len(order))
	for i, q := range b.kept { // what its source tunes by, and what stands on the same passage
		if b.splits[i] == "val" {
			put[q.unit] = "val"
		}
	}
	order = slices.DeleteFunc(order, func(unit int) bool { return put[unit] != "" })
	for _, part := range []struct {
		split string
		share float64
	}{{"val", b.options.ValShare}, {"test", b.options.TestShare}} {
		wanted := int(part.share * all)
		if part.share > 0 && wanted == 0 && len(order) > 1 {
			wanted = 1
		}
		if part.split == "val" {
			wanted = max(0, wanted-len(put))
		}
		wanted = min(wanted, len(order))
		for _, unit := range order[:wanted] {
			put[unit] = part.split
		}
		order = order[wanted:]
	}
	for i := range b.kept {
		b.splits[i] = cmp.Or(put[b.kept[i].unit], "train")
	}
}

// sever drops from the training split what belongs to a passage of the given validation split.
func (b *builder) sever(units map[string]int) {
	val := map[int]bool{}
	for i, q := range b.kept {
		if b.splits[i] == "val" {
			val[units[q.item.PassageID]] = true
		}
	}
	b.remove(func(i int) string {
		if b.splits[i] == "train" && val[units[b.kept[i].item.PassageID]] {
			return "its passage, or one like it, is in the validation split"
		}
		return ""
	})
}

// remove drops every question for which the function gives a reason.
func (b *builder) remove(reason func(i int) string) {
	var kept []question
	var splits []string
	for i, q := range b.kept {
		if why := reason(i); why != "" {
			b.manifest.drop(q.item.ID, why)
			continue
		}
		kept, splits = append(kept, q), append(splits, b.splits[i])
	}
	b.kept, b.splits = kept, splits
}

// refuse ends a strict build that left out what it should not have been given, and any build without a question.
func (b *builder) refuse() error {
	if b.options.Strict {
		for reason, d := range b.manifest.Dropped {
			if strings.HasPrefix(reason, "shares 13 words") || strings.HasPrefix(reason, heldOut) || reason == noLicence {
				return fail(eval.ExitContaminated, "%d items: %s: %s; remove the source, or build without --strict, which leaves them out%s",
					d.Count, reason, strings.Join(d.IDs, ", "), b.remedy())
			}
		}
	}
	if !slices.Contains(b.splits, "train") {
		return fail(eval.ExitData, "no question is left for training; the reasons: %s%s", b.manifest.reasons(), b.remedy())
	}
	return nil
}

// remedy says how questions without a licence get one.
func (b *builder) remedy() string {
	if _, dropped := b.manifest.Dropped[noLicence]; !dropped {
		return ""
	}
	return "; name the licence of such questions behind their source, --source 'KIND:PATH#LICENCE'"
}

// unite numbers passages so that those which share a sequence of 13 words have one number.
func (b *builder) unite() map[string]int {
	number := map[string]int{}
	var parent []int
	root := func(i int) int {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	owner := map[uint64]int{}
	for i, q := range b.kept {
		b.options.report("comparing passages with one another", i+1, len(b.kept))
		id := q.item.PassageID
		if _, known := number[id]; known {
			continue
		}
		number[id] = len(parent)
		parent = append(parent, len(parent))
		for _, gram := range b.grams[id] {
			if other, shared := owner[gram]; shared {
				parent[root(number[id])] = root(other)
			} else {
				owner[gram] = number[id]
			}
		}
	}
	for id, i := range number {
		number[id] = root(i)
	}
	return number
}
