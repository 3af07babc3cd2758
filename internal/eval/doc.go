// Package eval measures answers: how many are right, how sure that figure is, and whether one model beats another.
//
// A data file is read by [Read] into a [Dataset]; [Dataset.Select] picks a pool of it. A [Runner] puts the items to an
// [Answerer] one by one and keeps every answer in a run directory, from which everything else is computed again:
// [Load] reads it back, [Summarise] counts, [Compare] pairs runs, a [Report] prints them, [Fit] calibrates, [Gate]
// decides what the model may be called. No accuracy leaves the package but as a [Measured].
package eval
