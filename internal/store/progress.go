package store

import "context"

type progressKey struct{}

// WithProgress gives a context whose long work on a store (saving many items, a backup, a restore) tells how far it is:
// of is 0 where it is not known. The function is called often.
func WithProgress(ctx context.Context, report func(done, of int)) context.Context {
	return context.WithValue(ctx, progressKey{}, report)
}

func progress(ctx context.Context, done, of int) {
	if report, ok := ctx.Value(progressKey{}).(func(done, of int)); ok {
		report(done, of)
	}
}
