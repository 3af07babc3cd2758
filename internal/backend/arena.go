package backend

import (
	"bytes"
	"context"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"sattutor/internal/api"
	"sattutor/internal/sat"
)

// Arena shows blind pairs and takes votes on them, for one person each; its errors are *[sat.Error].
type Arena interface {
	Show(ctx context.Context, userID string, q *sat.Question) (sat.BlindPair, error)
	Pair(ctx context.Context, userID, id string) (sat.BlindPair, error)
	Vote(ctx context.Context, userID string, ballot sat.Ballot) (sat.BlindPair, error)
	Standing(ctx context.Context, userID string) (sat.Standing, error)
	Export(ctx context.Context, w io.Writer, userID string, csv, texts bool) error
}

// arenaOf gives the comparison, or why there is none, and whose pairs and votes are meant, who has a row from then on.
func (s *Server) arenaOf(ctx context.Context) (Arena, string, error) {
	if s.opts.Arena == nil {
		return nil, "", sat.Errorf(sat.Conflict, "No comparison of models is set up on this site.")
	}
	who := sat.IdentityOf(ctx)
	return s.opts.Arena, who.User.ID, s.ensure(ctx, who)
}

// registerArena adds the calls of the blind comparison.
func (s *Server) registerArena(to huma.API) {
	const tag = "Arena"
	show := operation("create-pair", http.MethodPost, "/api/v1/arena/pairs", tag, "Show two models' answers to one question, without their names")
	show.Description = "An empty object takes a question of the bank, and prefers one on which the two models differ."
	huma.Register(to, show, s.createPair)
	huma.Register(to, operation("get-pair", http.MethodGet, "/api/v1/arena/pairs/{id}", tag, "Show a pair again"),
		func(ctx context.Context, in *onPath) (*reply[api.Pair], error) {
			arena, user, err := s.arenaOf(ctx)
			if err != nil {
				return nil, err
			}
			return pairReply(arena.Pair(ctx, user, in.ID))
		})
	huma.Register(to, operation("create-vote", http.MethodPost, "/api/v1/arena/votes", tag, "Vote on a pair, once; the reply names the models"), s.createVote)
	huma.Register(to, operation("arena-summary", http.MethodGet, "/api/v1/arena/summary", tag, "Tell how your votes fall, once there are enough"), s.arenaSummary)
	export := operation("export-votes", http.MethodGet, "/api/v1/arena/votes", tag, "Export your votes")
	export.Description = "One row for each vote, in the form that `sat arena report` reads and `sat arena export` writes."
	export.Responses = map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{
		"application/x-ndjson": {}, "text/csv": {}}}, "default": {Description: "Error", Content: problemContent(to.OpenAPI())}}
	huma.Register(to, export, s.exportVotes)
}

// createPair is POST /api/v1/arena/pairs.
func (s *Server) createPair(ctx context.Context, in *struct{ Body api.PairRequest }) (*reply[api.Pair], error) {
	arena, user, err := s.arenaOf(ctx)
	if err != nil {
		return nil, err
	}
	var own *sat.Question
	if b := in.Body; b.Text != "" || b.Question != "" || len(b.Choices) > 0 {
		own = &sat.Question{Passage: b.Text, Stem: b.Question, Choices: b.Choices}
	}
	return pairReply(arena.Show(ctx, user, own))
}

// createVote is POST /api/v1/arena/votes.
func (s *Server) createVote(ctx context.Context, in *struct{ Body api.VoteRequest }) (*reply[api.Pair], error) {
	arena, user, err := s.arenaOf(ctx)
	if err != nil {
		return nil, err
	}
	b := in.Body
	return pairReply(arena.Vote(ctx, user, sat.Ballot{PairID: b.PairID, Winner: b.Winner, Reasons: b.Reasons, Comment: b.Comment}))
}

// arenaSummary is GET /api/v1/arena/summary.
func (s *Server) arenaSummary(ctx context.Context, _ *struct{}) (*reply[api.ArenaSummary], error) {
	arena, user, err := s.arenaOf(ctx)
	if err != nil {
		return nil, err
	}
	standing, err := arena.Standing(ctx, user)
	if err != nil {
		return nil, err
	}
	return &reply[api.ArenaSummary]{api.FromStanding(standing)}, nil
}

func pairReply(p sat.BlindPair, err error) (*reply[api.Pair], error) {
	if err != nil {
		return nil, err
	}
	return &reply[api.Pair]{api.FromPair(p)}, nil
}

type exportInput struct {
	Format string `query:"format" enum:"jsonl,csv" default:"jsonl"`
	All    bool   `query:"all" doc:"The votes of all evaluators, for administrators."`
	Texts  bool   `query:"texts" doc:"Questions and answers word for word, in JSONL."`
}

type exportOutput struct {
	Type        string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	Body        []byte
}

// exportVotes is GET /api/v1/arena/votes. The file is made whole first: an error in the middle could not be told.
func (s *Server) exportVotes(ctx context.Context, in *exportInput) (*exportOutput, error) {
	arena, user, err := s.arenaOf(ctx)
	if err != nil {
		return nil, err
	}
	if in.All {
		if !sat.IdentityOf(ctx).May(sat.Admin) && sat.IdentityOf(ctx).Manner != sat.AsLocal {
			return nil, sat.Errorf(sat.Forbidden, "Only an administrator exports the votes of all.")
		}
		user = ""
	}
	var file bytes.Buffer
	csv := in.Format == "csv"
	if err := arena.Export(ctx, &file, user, csv, in.Texts); err != nil {
		return nil, err
	}
	out := &exportOutput{Type: "application/x-ndjson", Disposition: `attachment; filename="votes.jsonl"`, Body: file.Bytes()}
	if csv {
		out.Type, out.Disposition = "text/csv; charset=utf-8", `attachment; filename="votes.csv"`
	}
	return out, nil
}
