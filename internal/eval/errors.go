package eval

import (
	"context"
	"errors"
	"fmt"
)

// Exit is the exit code of `sat eval`: what kind of end a command came to (sysexits.h where it has one).
type Exit int

// The exit codes.
const (
	ExitDone         Exit = 0   // finished
	ExitFailIf       Exit = 1   // a --fail-if condition is true
	ExitUsage        Exit = 64  // the command line makes no sense
	ExitData         Exit = 65  // the data are malformed; line and field are named
	ExitNoFile       Exit = 66  // a file is absent
	ExitUnreachable  Exit = 69  // the engine is unreachable, or does not list the model
	ExitInternal     Exit = 70  // a mistake of this program
	ExitIncomplete   Exit = 75  // the run is incomplete and can be resumed
	ExitContaminated Exit = 76  // the items may have been seen in training
	ExitConfig       Exit = 78  // settings contradict each other, or the run that is to be resumed
	ExitInterrupted  Exit = 130 // interrupted; finished items are kept
)

// Error is a failure that decides an exit code.
type Error struct {
	Exit    Exit
	Message string // for the user
	Err     error  // the cause, for the log
}

// Error gives the message and the cause.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Message
	}
	return e.Message + ": " + e.Err.Error()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// ExitCode gives the exit code that an error asks for: 0 for nil, 130 for a cancelled context, 70 for a foreign error.
func ExitCode(err error) Exit {
	var e *Error
	switch {
	case err == nil:
		return ExitDone
	case errors.As(err, &e):
		return e.Exit
	case errors.Is(err, context.Canceled):
		return ExitInterrupted
	}
	return ExitInternal
}

func failf(exit Exit, err error, format string, args ...any) error {
	return &Error{Exit: exit, Message: fmt.Sprintf(format, args...), Err: err}
}

// dataError names the place of a malformed datum: the line counts from 1, the field is "" where the line itself is
// broken. It never quotes the text.
func dataError(file string, line int, field, format string, args ...any) error {
	place := fmt.Sprintf("%s:%d", file, line)
	if field != "" {
		place += ": " + field
	}
	return &Error{Exit: ExitData, Message: place + " " + fmt.Sprintf(format, args...)}
}
