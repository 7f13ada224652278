// Oracle reads raw discovery results and a converted dataset with DuckDB, a
// reader that shares no code with the converter, and tells whether both have
// the same rows. It is a module of its own, so that users of the library don't
// get DuckDB. Call it with -h for its commands.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
)

const usage = `usage:
  oracle compare --raw DIR --dataset OUT [--skip EXPECTED.json] [--only-tables results,detections]
  oracle athena  --raw DIR --dataset OUT --program MACIELAKE [--skip EXPECTED.json]
  oracle scanned --raw DIR --dataset OUT --program MACIELAKE
  oracle counts  --raw DIR --dataset OUT --expected EXPECTED.json --summary SUMMARY.json
  oracle expected --raw DIR --out DIR [--skip EXPECTED.json]
  oracle rows    --raw DIR --rows DIR --format ndjson|csv|arrow|parquet [--skip EXPECTED.json]
  oracle summaries --raw DIR --program macielake [--dataset OUT] [--skip EXPECTED.json] [-- FLAGS of the program]
  oracle query   --dataset OUT 'SQL over results, detections, occurrences'
  oracle sql     'SQL'
  oracle sizes   --dataset OUT
  oracle peer    --sql FILE --dir DIR --out FILE.parquet [--threads 1]

exit: 0 equal or done, 1 different or failed, 2 usage
`

var errUsage = errors.New("usage")

// errDifferent is how compare ends when the dataset isn't what it should be.
var errDifferent = errors.New("different")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(exitCode(run(ctx, os.Args[1:], os.Stdout), os.Stderr))
}

func exitCode(err error, stderr io.Writer) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errUsage):
		fmt.Fprintf(stderr, "oracle: %s\n%s", printable(err.Error()), usage)
		return 2
	case errors.Is(err, errDifferent):
		return 1
	default:
		fmt.Fprint(stderr, "oracle: ")
		for l := range strings.Lines(err.Error()) { // DuckDB marks the place in a query on lines of their own
			fmt.Fprintln(stderr, printable(strings.TrimSuffix(l, "\n")))
		}
		return 1
	}
}

// run does what args ask for.
func run(ctx context.Context, args []string, stdout io.Writer) error {
	if len(args) == 0 {
		return fmt.Errorf("%w: no command", errUsage)
	}
	command, args := args[0], args[1:]
	switch command {
	case "peer":
		return peer(ctx, stdout, args)
	case "sql":
		if len(args) != 1 {
			return fmt.Errorf("%w: sql takes a statement", errUsage)
		}
		return sqlOnly(args[0])
	}
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	dataset := flags.String("dataset", "", "directory of the dataset")
	var raw, skip, only, expected, summary, rowsDir, format, program, outDir string
	switch command {
	case "compare":
		flags.StringVar(&raw, "raw", "", "directory of the raw results")
		flags.StringVar(&skip, "skip", "", "the generator's description of the archive, which names the bad lines and sources")
		flags.StringVar(&only, "only-tables", "", "tables to compare, comma-separated")
	case "athena", "scanned":
		flags.StringVar(&raw, "raw", "", "directory of the raw results")
		flags.StringVar(&skip, "skip", "", "the generator's description of the archive, which names the bad lines and sources")
		flags.StringVar(&program, "program", "", "the program whose statements to run")
	case "counts":
		flags.StringVar(&raw, "raw", "", "directory of the raw results")
		flags.StringVar(&expected, "expected", "", "the generator's description of the archive")
		flags.StringVar(&summary, "summary", "", "what the converter printed with --json")
	case "expected":
		flags.StringVar(&raw, "raw", "", "directory of the raw results")
		flags.StringVar(&skip, "skip", "", "the generator's description of the archive, which names the bad lines and sources")
		flags.StringVar(&outDir, "out", "", "directory for the expected rows: TABLE.parquet")
	case "rows":
		flags.StringVar(&raw, "raw", "", "directory of the raw results")
		flags.StringVar(&skip, "skip", "", "the generator's description of the archive, which names the bad lines and sources")
		flags.StringVar(&rowsDir, "rows", "", "directory of what cat wrote: TABLE.FORMAT")
		flags.StringVar(&format, "format", "ndjson", "format of those files")
	case "summaries":
		flags.StringVar(&raw, "raw", "", "directory of the raw results")
		flags.StringVar(&skip, "skip", "", "the generator's description of the archive, which names the bad lines and sources")
		flags.StringVar(&program, "program", "", "the program whose summaries to compare")
	case "query", "sizes":
	case "-h", "--help", "help":
		fmt.Fprint(stdout, usage)
		return nil
	default:
		return fmt.Errorf("%w: no command %q", errUsage, command)
	}
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, usage)
		return nil
	} else if err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	statement := ""
	if command == "query" && flags.NArg() == 1 {
		statement = flags.Arg(0)
	} else if command == "query" || flags.NArg() > 0 && command != "summaries" {
		return fmt.Errorf("%w: unexpected arguments: %s", errUsage, strings.Join(flags.Args(), " "))
	}
	if command == "expected" {
		if raw == "" || outDir == "" || *dataset != "" {
			return fmt.Errorf("%w: expected takes --raw, --out and --skip", errUsage)
		}
		return writeExpected(ctx, raw, skip, outDir)
	}
	if command == "rows" {
		if raw == "" || rowsDir == "" || *dataset != "" {
			return fmt.Errorf("%w: rows takes --raw, --rows, --format and --skip", errUsage)
		}
		return catRows(ctx, stdout, raw, rowsDir, skip, format)
	}
	if command == "summaries" {
		if raw == "" || program == "" {
			return fmt.Errorf("%w: a flag is missing", errUsage)
		}
		return summaries{program: program, raw: raw, skip: skip, dataset: *dataset, flags: flags.Args()}.run(ctx, stdout)
	}
	if *dataset == "" || command == "compare" && raw == "" ||
		(command == "athena" || command == "scanned") && (raw == "" || program == "") ||
		command == "counts" && (raw == "" || expected == "" || summary == "") {
		return fmt.Errorf("%w: a flag is missing", errUsage)
	}

	switch command {
	case "athena", "scanned":
		path, err := programOf(program)
		if err != nil {
			return err
		}
		o := athenaOptions{raw: raw, skip: skip, dataset: *dataset, program: path}
		if command == "scanned" {
			return scanned(ctx, stdout, o)
		}
		return compareAthena(ctx, stdout, o)
	case "counts":
		return counts(stdout, raw, *dataset, expected, summary)
	case "query":
		return query(ctx, stdout, *dataset, statement)
	case "sizes":
		return sizes(ctx, stdout, *dataset)
	}
	chosen, err := tablesNamed(only)
	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	d, err := compare(ctx, comparison{
		raw: raw, dataset: *dataset, skip: skip, tables: chosen, batchBytes: 64 << 20,
	})
	if err != nil {
		return err
	}
	d.print(stdout)
	if !d.equal() {
		return errDifferent
	}
	return nil
}
