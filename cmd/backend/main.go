// Command backend serves the JSON API: POST /submit_mcq, /api/v1 and what is needed to operate them.
//
// It is configured by the environment (see .env.example): OPENAI_API_BASE_URL names the inference engine; without one
// the embedded engine is started.
package main

import (
	"sattutor/cmd/internal/setup"
	"sattutor/internal/config"
)

func main() {
	setup.Service{
		Name: "backend", About: "serves the JSON API of the SAT Reading tutor.",
		Port:  func(cfg config.Config) int { return cfg.BackendPort },
		Serve: setup.RunBackend,
	}.Main()
}
