package main

import (
	"testing"

	"github.com/spf13/pflag"
)

// Every scheduler's array says in its own way which task this is.
func TestShare(t *testing.T) {
	for _, test := range []struct {
		args      []string
		env       map[string]string
		index, of int
		fails     bool
	}{
		{},
		{args: []string{"--index", "2", "--of", "5"}, env: map[string]string{"SGE_TASK_ID": "9"}, index: 2, of: 5},
		{args: []string{"--index", "5", "--of", "5"}, fails: true},
		{args: []string{"--index", "-1", "--of", "5"}, fails: true},
		{args: []string{"--index", "0"}, fails: true},
		{env: map[string]string{"AWS_BATCH_JOB_ARRAY_INDEX": "3", "AWS_BATCH_JOB_ARRAY_SIZE": "10"}, index: 3, of: 10},
		{env: map[string]string{"AWS_BATCH_JOB_ARRAY_INDEX": "3"}, index: 3, of: 64},
		{env: map[string]string{"AWS_BATCH_JOB_ARRAY_INDEX": "99"}, index: 99, of: 100},
		{env: map[string]string{"SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_TASK_MIN": "5", "SLURM_ARRAY_TASK_COUNT": "4"}, index: 2, of: 4},
		// An array with gaps, as in --array=1,5,9.
		{env: map[string]string{"SLURM_ARRAY_TASK_ID": "9", "SLURM_ARRAY_TASK_MIN": "1", "SLURM_ARRAY_TASK_COUNT": "3"}, index: 2, of: 3},
		{env: map[string]string{"JOB_COMPLETION_INDEX": "0"}, index: 0, of: 64},
		{env: map[string]string{"CLOUD_RUN_TASK_INDEX": "1", "CLOUD_RUN_TASK_COUNT": "2"}, index: 1, of: 2},
		{env: map[string]string{"LSB_JOBINDEX": "1"}, index: 0, of: 64},
		{env: map[string]string{"LSB_JOBINDEX": "0"}, index: 63, of: 64}, // no array
		{env: map[string]string{"SGE_TASK_ID": "undefined", "PBS_ARRAY_INDEX": "4"}, index: 4, of: 64},
		{env: map[string]string{"SGE_TASK_ID": "12", "SGE_TASK_FIRST": "10"}, index: 2, of: 64},
		{env: map[string]string{"PBS_ARRAY_INDEX": "x"}, fails: true},
		{env: map[string]string{"CLOUD_RUN_TASK_INDEX": "1", "CLOUD_RUN_TASK_COUNT": "-1"}, index: 0, of: 1},
		{env: map[string]string{"JOB_COMPLETION_INDEX": "9223372036854775807"}, index: 63, of: 64},
	} {
		var o workOptions
		f := pflag.NewFlagSet("work", pflag.ContinueOnError)
		f.IntVar(&o.index, "index", 0, "")
		f.IntVar(&o.of, "of", 0, "")
		if err := f.Parse(test.args); err != nil {
			t.Fatal(err)
		}
		index, of, err := o.share(f, func(name string) string { return test.env[name] })
		if index != test.index || of != test.of || (err != nil) != test.fails {
			t.Errorf("%v %v: %d of %d, %v; want %d of %d", test.args, test.env, index, of, err, test.index, test.of)
		}
	}
}
