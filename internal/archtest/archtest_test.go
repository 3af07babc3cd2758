package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "sattutor"

// source is one parsed Go file of the module.
type source struct {
	path    string // from the module's root
	pkg     string // directory from the module's root
	test    bool
	file    *ast.File
	imports []string
}

func TestEveryPackageKeepsItsImports(t *testing.T) {
	for _, s := range load(t) {
		if s.test || isCommand(s.pkg) {
			continue
		}
		r, ok := rules[s.pkg]
		if !assert.True(t, ok, "%s has no rule: give package %s a row in rules_test.go", s.path, s.pkg) {
			continue
		}
		for _, imp := range s.imports {
			assert.True(t, r.permits(imp), "%s imports %s, which the rule of %s does not allow", s.path, imp, s.pkg)
		}
	}
}

func TestCommandsAreThinAndImportedByNobody(t *testing.T) {
	for _, s := range load(t) {
		for _, imp := range s.imports {
			own := strings.TrimPrefix(imp, module+"/")
			if own == imp || !strings.HasPrefix(own, "cmd/") {
				continue
			}
			assert.True(t, strings.HasPrefix(s.pkg, "cmd/"), "%s imports a command: %s", s.path, own)
		}
	}
}

func TestTestHelpersStayInTests(t *testing.T) {
	for _, s := range load(t) {
		if s.test || s.pkg == "internal/engine/enginetest/standin" || slices.Contains(testHelpers, s.pkg) {
			continue
		}
		for _, imp := range s.imports {
			assert.NotContains(t, testHelpers, strings.TrimPrefix(imp, module+"/"), "%s is no test", s.path)
		}
	}
}

func TestEveryPackageHasACaller(t *testing.T) {
	sources := load(t)
	called := map[string]bool{}
	for _, s := range sources {
		for _, imp := range s.imports {
			if own := strings.TrimPrefix(imp, module+"/"); own != s.pkg && (!s.test || slices.Contains(testHelpers, own)) {
				called[own] = true
			}
		}
	}
	for pkg := range rules {
		if pkg == "internal/archtest" || pkg == "deploy" || pkg == "internal/engine/enginetest/standin" {
			continue
		}
		assert.True(t, called[pkg], "package %s has no caller", pkg)
	}
}

func TestPackagesAndExportedNamesAreDocumented(t *testing.T) {
	documented := map[string]bool{}
	sources := load(t)
	for _, s := range sources {
		if !s.test && s.file.Doc != nil {
			documented[s.pkg] = true
		}
	}
	for _, s := range sources {
		if s.test {
			continue
		}
		assert.True(t, documented[s.pkg], "package %s has no doc comment", s.pkg)
		for _, decl := range s.file.Decls {
			for _, name := range undocumented(decl) {
				assert.Fail(t, "exported name without a sentence", "%s: %s", s.path, name)
			}
		}
	}
}

func TestNoInitAndNoSayNothingNames(t *testing.T) {
	for _, s := range load(t) {
		assert.NotContains(t, forbiddenNames, path.Base(s.pkg), "the name of %s says nothing", s.pkg)
		for _, decl := range s.file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil {
				assert.NotEqual(t, "init", f.Name.Name, "%s has an init function", s.path)
			}
		}
	}
}

func TestOnlyConfigReadsTheEnvironment(t *testing.T) {
	for _, s := range load(t) {
		if s.test || s.pkg == "internal/config" || slices.Contains(testHelpers, s.pkg) {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == "os" {
				assert.NotContains(t, []string{"Getenv", "LookupEnv"}, sel.Sel.Name, "%s reads the environment", s.path)
			}
			return true
		})
	}
}

func (r rule) permits(imp string) bool {
	if slices.Contains(r.denied, imp) {
		return false
	}
	imp, own := strings.CutPrefix(imp, module+"/")
	if !own && !strings.Contains(strings.Split(imp, "/")[0], ".") {
		return true // the standard library
	}
	return slices.ContainsFunc(r.allow, func(a string) bool {
		prefix, tree := strings.CutSuffix(a, "...")
		return a == imp || tree && (imp == strings.TrimSuffix(prefix, "/") || strings.HasPrefix(imp, prefix))
	})
}

func isCommand(pkg string) bool { return strings.HasPrefix(pkg, "cmd/") && pkg != "cmd/internal/setup" }

// undocumented names the exported things that a declaration leaves without a comment. A group's comment, or a
// trailing one, counts for constants and variables.
func undocumented(decl ast.Decl) (names []string) {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) {
			names = append(names, d.Name.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch sp := spec.(type) {
			case *ast.TypeSpec:
				if sp.Name.IsExported() && d.Doc == nil && sp.Doc == nil {
					names = append(names, sp.Name.Name)
				}
			case *ast.ValueSpec:
				for _, n := range sp.Names {
					if n.IsExported() && d.Doc == nil && sp.Doc == nil && sp.Comment == nil {
						names = append(names, n.Name)
					}
				}
			}
		}
	}
	return names
}

func exportedReceiver(f *ast.FuncDecl) bool {
	if f.Recv == nil {
		return true
	}
	typ := f.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	if index, ok := typ.(*ast.IndexExpr); ok {
		typ = index.X
	}
	id, ok := typ.(*ast.Ident)
	return ok && id.IsExported()
}

// load parses every Go file of this module.
func load(t *testing.T) (sources []source) {
	t.Helper()
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	err = filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, p)
		if d.IsDir() {
			name := d.Name()
			_, nested := os.Stat(filepath.Join(p, "go.mod"))
			if rel != "." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules" || name == "bin" || nested == nil) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		s := source{path: filepath.ToSlash(rel), pkg: filepath.ToSlash(filepath.Dir(rel)), test: strings.HasSuffix(p, "_test.go"), file: file}
		for _, imp := range file.Imports {
			name, _ := strconv.Unquote(imp.Path.Value)
			s.imports = append(s.imports, name)
		}
		sources = append(sources, s)
		return nil
	})
	require.NoError(t, err)
	require.NotEmpty(t, sources)
	return sources
}
