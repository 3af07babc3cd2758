// Package dataset turns questions into the lines that an adapter is trained on.
//
// [Build] is the whole way: read the sources ([Source]: the bank's items, the original's text blocks, RACE, tables,
// public-domain prose), drop what must not be trained on, split by passage, render with the renderer that serves
// (package prompt), and write train.jsonl, val.jsonl, fingerprints.bin, dataset.json and a page of statistics. Training
// code reads those lines and never writes a prompt of its own.
//
// [Generate] makes items by rule from public-domain prose, so that an adapter can be trained that anybody may use.
package dataset
