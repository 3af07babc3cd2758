// Package archtest is the table of who may import whom, executed as a test.
//
// It parses the files of the module itself, so that the test's cached result never outlives a violation.
package archtest
