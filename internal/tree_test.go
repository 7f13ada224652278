package internal_test

import (
	"bytes"
	"go/ast"
	"go/doc"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// maxFileBytes is the size of the largest file that may be committed outside
// testdata: what is larger is the output of something, and its input belongs here.
const maxFileBytes = 300_000

// committed lists the files of the repository with slashes, from its root.
func committed(t *testing.T) []string {
	t.Helper()
	if _, err := os.Stat("../.git"); err != nil {
		t.Skip("not a clone of the repository: ", err)
	}
	cmd := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", cmd, err)
	}
	var names []string
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		if _, err := os.Lstat(filepath.Join("..", name)); err == nil { // not one that is being removed
			names = append(names, name)
		}
	}
	if len(names) < 100 {
		t.Fatalf("git lists %d files", len(names))
	}
	return names
}

// Sources are committed, not what is built from them.
func TestNoBuildOutput(t *testing.T) {
	for _, name := range committed(t) {
		elements := strings.Split(name, "/")
		if slices.Contains(elements[:len(elements)-1], "build") {
			t.Errorf("%s lies in a build folder", name)
		}
		info, err := os.Lstat(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > maxFileBytes && !slices.Contains(elements, "testdata") {
			t.Errorf("%s has %d bytes: more than %d belong in testdata", name, info.Size(), maxFileBytes)
		}
	}
}

var (
	// A file of the repository as prose names it.
	pathInProse = regexp.MustCompile(`(?:^|[\s("'\x60/])((?:\.\./)*(?:bench|cmd|docs|internal|pkg|scripts|test|testdata|tools)/[\w./-]*\w\.(?:go|json|md|mjs|sh|sql|txt))\b`)
	// A section of a page: the page, and the heading in quotes.
	sectionInProse = regexp.MustCompile(`\b(docs/[\w-]+\.md),? "([^"]+)"`)
	linkInMarkdown = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	heading        = regexp.MustCompile(`(?m)^#+ +(.+)$`)
)

// headings are those of a page of Markdown, and their anchors.
func headings(page []byte) map[string]bool {
	found := map[string]bool{}
	for _, match := range heading.FindAllSubmatch(page, -1) {
		title := strings.ReplaceAll(string(match[1]), "`", "")
		found[title] = true
		anchor := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-', r == '_', unicode.IsLetter(r), unicode.IsNumber(r):
				return unicode.ToLower(r)
			}
			return -1
		}, title)
		found["#"+anchor] = true
	}
	return found
}

// What pages and comments refer to exists: files, pages, their sections.
func TestReferences(t *testing.T) {
	names := committed(t)
	exists := func(name string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return n == name || strings.HasPrefix(n, name+"/") })
	}
	pages := map[string]map[string]bool{}
	for _, name := range names {
		if strings.HasSuffix(name, ".md") {
			page, err := os.ReadFile(filepath.Join("..", name))
			if err != nil {
				t.Fatal(err)
			}
			pages[name] = headings(page)
		}
	}
	references := 0
	for _, name := range names {
		if path.Base(name) == "CHANGELOG.md" || slices.Contains(strings.Split(name, "/"), "testdata") {
			continue // it tells of what was, or isn't ours to read
		}
		var prose string
		switch path.Ext(name) {
		case ".md":
			page, err := os.ReadFile(filepath.Join("..", name))
			if err != nil {
				t.Fatal(err)
			}
			prose = string(page)
			for _, match := range linkInMarkdown.FindAllStringSubmatch(prose, -1) {
				file, anchor, hasAnchor := strings.Cut(match[1], "#")
				if strings.Contains(file, ":") {
					continue // on another host
				}
				references++
				target := name
				if file != "" {
					target = path.Join(path.Dir(name), file)
				}
				switch {
				case !exists(target):
					t.Errorf("%s links to %s, which isn't there", name, target)
				case hasAnchor && !pages[target]["#"+anchor]:
					t.Errorf("%s links to %s, which has no section #%s", name, target, anchor)
				}
			}
		case ".go":
			prose = commentsOf(t, name)
		default:
			continue
		}
		for _, match := range pathInProse.FindAllStringSubmatch(prose, -1) {
			references++
			file := match[1]
			// From the root, or from where it is named: a nested module has its own docs.
			if !exists(path.Clean(file)) && !exists(path.Join(path.Dir(name), file)) {
				t.Errorf("%s names %s, which isn't there", name, file)
			}
		}
		for _, match := range sectionInProse.FindAllStringSubmatch(strings.Join(strings.Fields(prose), " "), -1) {
			references++
			if !pages[match[1]][match[2]] {
				t.Errorf("%s names the section %q of %s, which isn't there", name, match[2], match[1])
			}
		}
	}
	if references < 50 {
		t.Errorf("only %d references were found", references)
	}
}

// commentsOf is the text of a Go file's comments.
func commentsOf(t *testing.T, name string) string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", name), nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	for _, group := range file.Comments {
		text.WriteString(group.Text())
		text.WriteByte('\n')
	}
	return text.String()
}

// deadLink is what is left of a doc link whose target isn't there.
var deadLink = regexp.MustCompile(`\[\*?(?:[a-z]\w*\.)?[A-Z]\w*(?:\.[A-Z]\w*)*\]`)

// Doc links, such as [Name] and [pkg.Name], lead somewhere. go vet doesn't look.
func TestDocLinks(t *testing.T) {
	packages := parsePackages(t)
	links := 0
	for dir, p := range packages {
		imported := map[string]string{}
		for _, file := range p.files {
			for _, spec := range file.Imports {
				importPath := strings.Trim(spec.Path.Value, `"`)
				name := packageName(importPath)
				if spec.Name != nil {
					name = spec.Name.Name
				}
				imported[name] = importPath
			}
		}
		links += checkDocs(t, dir, p, &comment.Parser{
			LookupPackage: func(name string) (string, bool) {
				if name == p.doc.Name {
					return "", true
				}
				importPath, ok := imported[name]
				return importPath, ok
			},
			LookupSym: func(recv, name string) bool { return p.has(recv, name) },
		}, packages)
	}
	if links < 20 {
		t.Errorf("only %d links were found", links)
	}
}

// packageName is the usual name of the package with an import path.
func packageName(importPath string) string {
	name := path.Base(importPath)
	if len(name) > 1 && name[0] == 'v' && strings.Trim(name[1:], "0123456789") == "" {
		name = path.Base(path.Dir(importPath))
	}
	return name
}

// checkDocs checks the links of a package's documentation, and returns how many
// there are.
func checkDocs(t *testing.T, dir string, p *parsedPackage, parse *comment.Parser, packages map[string]*parsedPackage) (links int) {
	check := func(of, text string) {
		eachText(parse.Parse(text).Content, func(item comment.Text) {
			switch item := item.(type) {
			case comment.Plain:
				if dead := deadLink.FindString(string(item)); dead != "" {
					t.Errorf("%s: the doc of %s links to %s, which isn't there", dir, of, dead)
				}
			case *comment.DocLink:
				links++
				ours, isOurs := strings.CutPrefix(item.ImportPath, module)
				if target := packages[ours]; isOurs && (target == nil || item.Name != "" && !target.has(item.Recv, item.Name)) {
					t.Errorf("%s: the doc of %s links to %s.%s%s, which isn't there", dir, of, item.ImportPath, item.Recv, item.Name)
				}
			}
		})
	}
	values := func(all []*doc.Value) {
		for _, v := range all {
			check(strings.Join(v.Names, ", "), v.Doc)
		}
	}
	functions := func(all []*doc.Func) {
		for _, f := range all {
			check(f.Name, f.Doc)
		}
	}
	check("the package", p.doc.Doc)
	values(p.doc.Consts)
	values(p.doc.Vars)
	functions(p.doc.Funcs)
	for _, typ := range p.doc.Types {
		check(typ.Name, typ.Doc)
		values(typ.Consts)
		values(typ.Vars)
		functions(typ.Funcs)
		functions(typ.Methods)
	}
	return links
}

// eachText calls each with all text of a documentation comment but its code.
func eachText(blocks []comment.Block, each func(comment.Text)) {
	all := func(items []comment.Text) {
		for _, item := range items {
			each(item)
		}
	}
	for _, block := range blocks {
		switch block := block.(type) {
		case *comment.Paragraph:
			all(block.Text)
		case *comment.Heading:
			all(block.Text)
		case *comment.List:
			for _, item := range block.Items {
				eachText(item.Content, each)
			}
		}
	}
}

// parsedPackage is a package with its documentation.
type parsedPackage struct {
	files   []*ast.File
	doc     *doc.Package
	symbols map[string]bool // names, and Type.Name of methods and fields
}

func (p *parsedPackage) has(recv, name string) bool {
	if recv != "" {
		name = recv + "." + name
	}
	return p.symbols[name]
}

// parsePackages parses the module's packages without their tests, by directory.
func parsePackages(t *testing.T) map[string]*parsedPackage {
	t.Helper()
	packages := map[string]*parsedPackage{}
	fset := token.NewFileSet()
	for dir := range imports(t) {
		if within(dir, "bench") || within(dir, "test") {
			continue // programs and modules of their own
		}
		names, err := filepath.Glob(filepath.Join("..", dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		p := &parsedPackage{symbols: map[string]bool{}}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			p.files = append(p.files, file)
			p.addSymbols(file)
		}
		p.doc, err = doc.NewFromFiles(fset, p.files, module+dir, doc.AllDecls|doc.PreserveAST)
		if err != nil {
			t.Fatal(err)
		}
		packages[dir] = p
	}
	return packages
}

func (p *parsedPackage) addSymbols(file *ast.File) {
	for _, decl := range file.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			name := decl.Name.Name
			if decl.Recv != nil {
				name = typeName(decl.Recv.List[0].Type) + "." + name
			}
			p.symbols[name] = true
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				switch spec := spec.(type) {
				case *ast.ValueSpec:
					for _, name := range spec.Names {
						p.symbols[name.Name] = true
					}
				case *ast.TypeSpec:
					p.symbols[spec.Name.Name] = true
					for _, member := range membersOf(spec.Type) {
						p.symbols[spec.Name.Name+"."+member] = true
					}
				}
			}
		}
	}
}

// typeName is the name of a receiver's type.
func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return typeName(e.X)
	case *ast.IndexExpr:
		return typeName(e.X)
	case *ast.IndexListExpr:
		return typeName(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}

// membersOf are the names of a struct's fields or of an interface's methods.
func membersOf(e ast.Expr) []string {
	var list *ast.FieldList
	switch e := e.(type) {
	case *ast.StructType:
		list = e.Fields
	case *ast.InterfaceType:
		list = e.Methods
	default:
		return nil
	}
	var names []string
	for _, field := range list.List {
		for _, name := range field.Names {
			names = append(names, name.Name)
		}
		if len(field.Names) == 0 {
			names = append(names, typeName(field.Type))
		}
	}
	return names
}
