// Package web holds the students' pages as files, embedded in the binary: templates and static assets.
//
// templates/layout frames every page, templates/pages holds one file a page, templates/partials what pages share.
// static holds one style sheet, the icon, and the scripts, without which the pages work too; package frontend serves them
// under names that carry their hash.
package web

import "embed"

// Files holds the folders templates and static.
//
//go:embed templates static
var Files embed.FS
