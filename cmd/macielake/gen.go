package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/macielake/macielake/internal/gen"
	"github.com/macielake/macielake/internal/text"
)

func newGen(s *session) *cobra.Command {
	var (
		seed     uint64
		size     sizeValue
		profile  choiceValue
		encoding choiceValue
		help     string
	)
	for _, p := range gen.Profiles() {
		profile.choices = append(profile.choices, p.Name)
		help += fmt.Sprintf("  %-10s %s (%s)\n", p.Name, p.Description, text.Bytes(p.DefaultSize))
	}
	for _, e := range gen.Encodings() {
		encoding.choices = append(encoding.choices, string(e))
	}
	profile.value, encoding.value = profile.choices[0], string(gen.EncodingReal)
	cmd := &cobra.Command{
		Use:   "gen DIR",
		Short: "Write a sample archive of discovery results",
		Long: `Write a made-up archive of discovery results to DIR, in the layout in which Macie
exports them, and the counts that a conversion must find in it to
DIR.expected.json. The same seed and options give the same bytes.

Profiles, with their sizes before compression:
` + help + `
Encodings: real writes values as Macie's files have them (integers as text), api
as its API reference has them, mixed both.`,
		Example: `  macielake gen sample --size 400MB --seed 7
  macielake gen odd --profile hostile`,
		Annotations: exits(),
		RunE: func(cmd *cobra.Command, args []string) error {
			expected, err := gen.Run(cmd.Context(), gen.Options{
				Dir: args[0], Seed: seed, Size: int64(size), Profile: profile.value, Encoding: gen.Encoding(encoding.value),
			})
			if err != nil {
				return err
			}
			return s.answer(expected, func(io.Writer) error {
				_, err := fmt.Fprintf(s.stderr, "%s, %s, %s inflated, %s stored in %s\n",
					text.Plural(expected.Sources, "source"), text.Plural(expected.Lines, "line"), text.Bytes(expected.InflatedBytes),
					text.Bytes(expected.CompressedBytes), text.Printable(args[0]))
				return err
			})
		},
	}
	f := cmd.Flags()
	f.Uint64Var(&seed, "seed", 1, "number that determines the content")
	f.Var(&size, "size", "size before compression (default: the profile's)")
	f.Var(&profile, "profile", "kind of archive")
	f.Var(&encoding, "encoding", "notation of values")
	return cmd
}
