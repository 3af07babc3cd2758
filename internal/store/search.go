package store

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"unicode"

	"github.com/uptrace/bun"
	"golang.org/x/text/unicode/norm"

	"sattutor/internal/sat"
)

// searchText gives the words of an item by which it is found.
func searchText(it sat.Item) string {
	var b strings.Builder
	add := func(texts ...string) {
		for _, t := range texts {
			b.WriteString(folded(t))
			b.WriteByte('\n')
		}
	}
	for _, p := range it.Passages {
		add(p.Title, p.Attribution)
		add(p.Lines...)
	}
	add(it.Question)
	for _, c := range it.Choices {
		add(c.Text)
	}
	add(it.Tags...)
	return b.String()
}

// folded gives text in lower case without accents, so that both databases find "résumé" by "resume".
func folded(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFD.String(s))
}

// maxSearchWords bounds a search.
const maxSearchWords = 16

// searchWords splits what a person typed into words; everything else separates them.
func searchWords(typed string) []string {
	words := strings.FieldsFunc(folded(typed), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) })
	return words[:min(len(words), maxSearchWords)]
}

// SearchItems gives the items that a filter chooses and how many there are in all: the best first where words were
// given, else by id.
func (s *Store) SearchItems(ctx context.Context, f sat.ItemFilter) (items []sat.StoredItem, total int, err error) {
	err = s.look(ctx, func(tx bun.Tx) error {
		var rows []itemRow
		q := s.filter(tx.NewSelect().Model(&rows), f)
		all, err := q.Count(ctx)
		if err != nil {
			return err
		}
		total = int(all)
		if q = s.ranked(q, f).Order("i.id"); f.Limit > 0 || f.Offset > 0 {
			q = q.Limit(int64(cmp.Or(f.Limit, max(total, 1)))).Offset(int64(f.Offset))
		}
		if err := q.Scan(ctx); err != nil {
			return err
		}
		items, err = assemble(ctx, tx, rows)
		return err
	})
	return items, total, fault(err, "item")
}

// ItemIDs gives the ids of the items that a filter chooses, in their order.
func (s *Store) ItemIDs(ctx context.Context, f sat.ItemFilter) ([]string, error) {
	var ids []string
	err := s.filter(s.read.NewSelect().Model((*itemRow)(nil)).Column("i.id"), f).Order("i.id").Scan(ctx, &ids)
	return ids, fault(err, "item")
}

func (s *Store) filter(q *bun.SelectQuery, f sat.ItemFilter) *bun.SelectQuery {
	for column, value := range map[string]string{
		"framework": string(f.Framework), "domain": string(f.Domain), "skill": string(f.Skill), "genre": string(f.Genre),
		"difficulty": string(f.Difficulty), "split": string(f.Split), "licence": f.Licence,
	} {
		if value != "" {
			q = q.Where("i.? = ?", bun.Ident(column), value)
		}
	}
	for column, word := range map[string]string{"tags": f.Tag, "passages": f.PassageID} {
		if word != "" {
			q = q.Where("i.? LIKE ? ESCAPE '!'", bun.Ident(column), "% "+escapeLike(word)+" %")
		}
	}
	for _, r := range f.Without {
		q = q.Where("i.requires NOT LIKE ? ESCAPE '!'", "% "+escapeLike(string(r))+" %")
	}
	if f.Reported {
		q = q.Where("EXISTS (SELECT 1 FROM item_reports AS r WHERE r.item_id = i.id AND r.settled_at IS NULL)")
	}
	words := searchWords(f.Words)
	switch {
	case len(words) == 0:
		return q
	case s.Local():
		return q.Join("JOIN items_fts ON items_fts.rowid = i.n").Where("items_fts MATCH ?", ftsQuery(words))
	}
	// A search for words that PostgreSQL leaves out, such as "the", is one for nothing in particular.
	return q.Where("(i.search @@ to_tsquery('english', ?0) OR numnode(to_tsquery('english', ?0)) = 0)", tsQuery(words))
}

func (s *Store) ranked(q *bun.SelectQuery, f sat.ItemFilter) *bun.SelectQuery {
	words := searchWords(f.Words)
	switch {
	case len(words) == 0:
		return q
	case s.Local():
		return q.OrderExpr("bm25(items_fts)")
	}
	return q.OrderExpr("ts_rank_cd(i.search, to_tsquery('english', ?)) DESC", tsQuery(words))
}

// ftsQuery asks for all words, the last of which may be the beginning of one, as FTS5 writes it. A beginning is not
// brought to its stem there, so that the word itself is asked for too.
func ftsQuery(words []string) string {
	last := words[len(words)-1]
	query := fmt.Sprintf(`("%s" OR "%s"*)`, last, last)
	for _, w := range words[:len(words)-1] {
		query = fmt.Sprintf(`"%s" AND %s`, w, query)
	}
	return query
}

// tsQuery asks the same as PostgreSQL writes it.
func tsQuery(words []string) string { return "'" + strings.Join(words, "' & '") + "':*" }

// escapeLike keeps a word from being a pattern, with '!' before its signs.
func escapeLike(word string) string {
	return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(word)
}
