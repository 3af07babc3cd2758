// Package stats holds the statistics of the evaluator: intervals, paired tests, bootstraps, power and calibration.
//
// Everything is a pure function of its arguments, and randomness is a seed. How sure is one accuracy: [Wilson],
// [ClusteredSE], [Bootstrap]. Is B better than A: [McNemar], [Holm], and what a pool could have shown at all:
// [LeastNetGain], [MDE80], [ExactPower]. Are probabilities honest: [ECE], [Brier], [NLL], [FitTemperature]. Does a
// model favour a letter: [RStd], [Consistency], [LetterPrior], [Debias].
package stats
