package eval

import (
	"bytes"
	"encoding/xml"
	"fmt"
)

type junitSuites struct {
	XMLName xml.Name     `xml:"testsuites"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string          `xml:"name,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Timestamp  string          `xml:"timestamp,attr"`
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Time    string        `xml:"time,attr,omitempty"`
	Failure *junitFailure `xml:"failure"`
	Error   *junitFailure `xml:"error"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// junit prints a suite for each run and one for each comparison: a case for each bound, not for each item, unless asked.
func (r Report) junit() ([]byte, error) {
	var suites junitSuites
	for _, run := range r.Runs {
		suites.Suites = append(suites.Suites, r.runSuite(run))
	}
	for _, c := range r.Comparisons {
		suite := newSuite(c.B.Header, c.B.Header.Data.Pool+": "+c.NameB+" against "+c.NameA)
		suite.add("non-regression", c.NonRegression, c.Sentence())
		for _, condition := range r.Conditions {
			suite.add("not "+condition.Name+" "+condition.Op+" "+condition.Value, !condition.Holds(c), condition.Report(c))
		}
		suites.Suites = append(suites.Suites, suite)
	}
	var out bytes.Buffer
	out.WriteString(xml.Header)
	encoder := xml.NewEncoder(&out)
	encoder.Indent("", "  ")
	if err := encoder.Encode(suites); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

func newSuite(h Header, name string) junitSuite {
	suite := junitSuite{Name: name, Timestamp: h.Started.Format("2006-01-02T15:04:05")}
	for _, f := range h.facts() {
		suite.Properties = append(suite.Properties, junitProperty(f))
	}
	return suite
}

func (s *junitSuite) add(name string, ok bool, text string) {
	c := junitCase{Class: s.Name, Name: name}
	if !ok {
		c.Failure = &junitFailure{Message: name, Text: text}
		s.Failures++
	}
	s.Tests++
	s.Cases = append(s.Cases, c)
}

func (r Report) runSuite(run *Run) junitSuite {
	suite := newSuite(run.Header, run.Header.Data.Pool+": "+run.Header.Model.Name)
	accuracy := Summarise(run).Accuracy
	suite.add("complete", accuracy.Known(), accuracy.String())
	if !r.JUnitItems {
		return suite
	}
	for _, rec := range run.Records {
		c := junitCase{Class: run.Header.Model.Name, Name: rec.ID, Time: fmt.Sprintf("%.3f", rec.LatencyMS/1000)}
		switch rec.Outcome {
		case Failed:
			c.Error = &junitFailure{Message: rec.Error}
			suite.Errors++
		case Wrong, Unparsed:
			c.Failure = &junitFailure{Message: fmt.Sprintf("answered %s, key %s", orDash(rec.Letter), rec.Key)}
			suite.Failures++
		}
		suite.Tests++
		suite.Cases = append(suite.Cases, c)
	}
	return suite
}
