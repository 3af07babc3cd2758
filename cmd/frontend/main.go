// Command frontend serves the students' pages, a client of the backend.
//
// It is configured by the environment (see .env.example): BACKEND_URL names the backend.
package main

import (
	"sattutor/cmd/internal/setup"
	"sattutor/internal/config"
)

func main() {
	setup.Service{
		Name: "frontend", About: "serves the pages of the SAT Reading tutor.",
		Port:  func(cfg config.Config) int { return cfg.FrontendPort },
		Serve: setup.RunFrontend,
	}.Main()
}
