package openaicompat

// IdleTimeout is the age at which idle connections are closed.
const IdleTimeout = idleTimeout
