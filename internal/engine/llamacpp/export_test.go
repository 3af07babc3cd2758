//go:build unix

package llamacpp

// For the tests on the real engine, which stand outside so that they may use the client.
var (
	Alias        = alias
	KilledParent = killedParent
	Gone         = gone
)

// Patience is for the same tests.
const Patience = patience
