package arena

import (
	"fmt"
	"io"
	"strings"
)

// WriteReport prints the reports and the table of ratings for a person to read.
func WriteReport(w io.Writer, reports []PairReport, standings []Standing) error {
	var b strings.Builder
	if len(reports) == 0 {
		b.WriteString("No blind vote on two different models yet.\n")
	}
	for i, r := range reports {
		if i > 0 {
			b.WriteString("\n")
		}
		r.write(&b)
	}
	if len(standings) > 0 {
		b.WriteString("\nElo as Open WebUI computes it (order of votes matters, no interval):\n")
		for _, s := range standings {
			fmt.Fprintf(&b, "  %-24s %5d   %d won, %d lost\n", s.Model, s.Rounded(), s.Won, s.Lost)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r PairReport) write(b *strings.Builder) {
	line := func(label, format string, args ...any) {
		fmt.Fprintf(b, "  %-22s %s\n", label, fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(b, "%s against %s\n", r.Model, r.Against)
	line("votes", "%d by %s on %s: %d won, %d lost, %s, %d both bad", r.Votes, count(r.DistinctPersons, "evaluator"),
		count(r.DistinctAsked, "question"), r.Won, r.Lost, count(r.Ties, "tie"), r.BothBad)
	if n := r.Won + r.Lost; n == 0 {
		line("win rate", "no decisive vote")
	} else {
		line("win rate", "%s (Wilson, 95 %%)", r.WinRate)
		if r.Clustered != nil {
			line("", "%.1f to %.1f %% when whole questions are drawn (bootstrap)", 100*r.Clustered.Low, 100*r.Clustered.High)
		}
		line("sign test", "p = %.4f exact, %.4f mid-p: %s", r.SignTest.Exact, r.SignTest.MidP, verdict(r))
		line("Bradley–Terry", "%+.0f points%s", r.Strength, r.strengthInterval())
		if n < r.NeededDecisive {
			line("", "about %d decisive votes are needed to tell 65 %% from 50 %%; there are %d", r.NeededDecisive, n)
		}
		line("left answer preferred", "%s", r.LeftSide)
	}
	if r.FirstRating.N != r.WinRate.N || r.FirstRating.K != r.WinRate.K {
		line("first ratings alone", "%s; later ratings of the same pair made ties", r.FirstRating)
	}
	if r.WithKey == 0 {
		line("against the key", "no question is in the bank")
		return
	}
	line("right answers", "%s %s; %s %s", r.Model, r.Right, r.Against, r.AgainstRight)
	line("preferred but wrong", "%s of the votes where one answer was right", r.PreferredWrong)
}

// strengthInterval words the interval of the strength, or why there is none.
func (r PairReport) strengthInterval() string {
	if r.StrengthCI == nil {
		return fmt.Sprintf(", no interval from fewer than %d questions", leastClusters)
	}
	return fmt.Sprintf(", %+.0f to %+.0f (bootstrap)", r.StrengthCI.Low, r.StrengthCI.High)
}

// verdict words the sign test.
func verdict(r PairReport) string {
	switch {
	case r.SignTest.Exact > 0.05:
		return "no detectable preference"
	case r.Won > r.Lost:
		return r.Model + " is preferred"
	default:
		return r.Against + " is preferred"
	}
}

// String gives a share as people read it: "66.7 % (2 of 3, 20.8 to 93.9 %)".
func (s Share) String() string {
	if s.N == 0 {
		return "none"
	}
	return fmt.Sprintf("%.1f %% (%d of %d, %.1f to %.1f %%)", 100*s.Rate(), s.K, s.N, 100*s.Low, 100*s.High)
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
