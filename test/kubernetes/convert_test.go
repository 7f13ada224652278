package kubernetes

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// The test's program is also the stand-in for kubectl: with this variable it has the
// folder that is the cluster.
const clusterVariable = "MACIELAKE_TEST_CLUSTER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(clusterVariable); dir != "" {
		if err := kubectl(dir, os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// kubectl does what deploy/kubernetes/convert asks for. A job is run when it is made, pod
// after pod, each a process of the program.
func kubectl(dir string, args []string) error {
	value := func(flag string) string {
		if i := slices.Index(args, flag); i >= 0 && i+1 < len(args) {
			return args[i+1]
		}
		return ""
	}
	if i := slices.Index(args, "--namespace"); i != 0 {
		return fmt.Errorf("kubectl has lost its flags: %q", args)
	}
	args = args[2:]
	copyFile := func(name string) error {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			_, err = os.Stdout.Write(text)
		}
		return err
	}
	switch args[0] {
	case "delete":
		return nil
	case "create":
		if slices.Contains(args, "--dry-run=client") {
			text, err := os.ReadFile(value("--filename"))
			if err != nil {
				return err
			}
			text, err = yaml.YAMLToJSON(text)
			fmt.Println(string(text))
			return err
		}
		text, err := io.ReadAll(os.Stdin)
		if err != nil {
			return err
		}
		var job batchv1.Job
		if err := yaml.UnmarshalStrict(text, &job); err != nil {
			return err
		}
		return runJob(dir, &job)
	case "get":
		if args[1] == "job" {
			return copyFile(args[2] + ".json")
		}
		return copyFile(strings.TrimPrefix(value("--selector"), "batch.kubernetes.io/job-name=") + ".pods.json")
	case "logs":
		return copyFile(strings.TrimPrefix(args[1], "job/") + ".log")
	}
	return fmt.Errorf("unknown: %q", args)
}

// runJob runs the pods of a job and writes what is asked for later.
func runJob(dir string, job *batchv1.Job) error {
	indexes, limit := 1, int32(6)
	if job.Spec.Completions != nil {
		indexes = int(*job.Spec.Completions)
		limit = *job.Spec.BackoffLimitPerIndex
	} else if job.Spec.BackoffLimit != nil {
		limit = *job.Spec.BackoffLimit
	}
	var pods corev1.PodList
	var log []byte
	failed := false
	for index := range indexes {
		for tries := int32(0); ; tries++ {
			cmd := exec.Command(os.Getenv("MACIELAKE_PROGRAM"), places(dir, job.Spec.Template.Spec.Containers[0].Args)...)
			cmd.Env = append(os.Environ(), "JOB_COMPLETION_INDEX="+strconv.Itoa(index))
			out, err := cmd.CombinedOutput()
			log = out
			if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
				return err
			}
			code := int32(cmd.ProcessState.ExitCode())
			appendLine(filepath.Join(dir, "ran"), fmt.Sprintf("%s %d %d", cmd.Args[1], index, code))
			pods.Items = append(pods.Items, corev1.Pod{Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{
				{State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code}}},
			}}})
			if code == 0 {
				break
			}
			if outcome(job.Spec, code) != "retry" || tries == limit {
				failed = true
				break
			}
		}
	}
	condition := batchv1.JobComplete
	if failed {
		condition = batchv1.JobFailed
	}
	job.Status.Conditions = []batchv1.JobCondition{{Type: condition, Status: corev1.ConditionTrue}}
	for name, content := range map[string]any{".json": job, ".pods.json": pods} {
		text, err := json.Marshal(content)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, job.Name+name), text, 0o666); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, job.Name+".log"), log, 0o666)
}

// places puts folders in place of those of the manifests.
func places(dir string, args []string) []string {
	var out []string
	for _, a := range args {
		a = strings.ReplaceAll(a, "s3://YOUR-RESULTS-BUCKET/AWSLogs", filepath.Join(dir, "results"))
		a = strings.ReplaceAll(a, "s3://YOUR-LAKE/macie", filepath.Join(dir, "lake"))
		if a == "--wait=2m" { // for what doesn't come here
			a = "--wait=1s"
		}
		out = append(out, a)
	}
	switch out[0] {
	case "plan":
		out = append(out, "--part-size", "30kB")
	case os.Getenv("IDLE"): // a task that does nothing, as often as the file has bytes
		name := filepath.Join(dir, "idle")
		if text, err := os.ReadFile(name); err == nil && len(text) > 0 {
			_ = os.WriteFile(name, text[1:], 0o666)
			return []string{"version"}
		}
	}
	return out
}

func appendLine(name, line string) {
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err == nil {
		_, err = fmt.Fprintln(f, line)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		panic(err)
	}
}

// deploy/kubernetes/convert, from the plan to the commit.
func TestConvert(t *testing.T) {
	program := os.Getenv("MACIELAKE_PROGRAM")
	if program == "" {
		t.Skip("MACIELAKE_PROGRAM isn't set: make kubernetes-check sets it")
	}
	if _, err := exec.LookPath("jq"); err != nil {
		t.Fatal("LEFT OUT deploy/kubernetes/convert: no jq")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, profile, size string
		idle                int // tasks that do nothing
		code                int
		ran                 []string // the first words of what ran, each once in a row
	}{
		{"quiet", "mixed", "20MB", 0, 0, []string{"plan", "work", "commit"}},
		{"parts are missing", "mixed", "20MB", 2, 0, []string{"plan", "version", "commit", "work", "commit"}},
		{"rejects", "hostile", "2MB", 0, 3, []string{"plan", "work", "commit"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			bin := filepath.Join(dir, "bin")
			if err := os.Mkdir(bin, 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(self, filepath.Join(bin, "kubectl")); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command(program, "gen", filepath.Join(dir, "results"), "--profile", c.profile, "--size", c.size).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if err := os.WriteFile(filepath.Join(dir, "idle"), bytes.Repeat([]byte("."), c.idle), 0o666); err != nil {
				t.Fatal(err)
			}
			convert := func() (int, string) {
				if err := os.RemoveAll(filepath.Join(dir, "ran")); err != nil {
					t.Fatal(err)
				}
				cmd := exec.Command(filepath.Join(manifests, "convert"), manifests, "--namespace", "night")
				cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), clusterVariable+"="+dir, "IDLE=work", "POLL=0.1")
				out, err := cmd.CombinedOutput()
				if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
					t.Fatal(err)
				}
				return cmd.ProcessState.ExitCode(), string(out)
			}
			ran := func() (words []string, tasks int) {
				text, err := os.ReadFile(filepath.Join(dir, "ran"))
				if err != nil {
					t.Fatal(err)
				}
				for line := range strings.Lines(string(text)) {
					word := strings.Fields(line)[0]
					words = append(words, word)
					if word == "work" {
						tasks++
					}
				}
				return slices.Compact(words), tasks
			}
			code, out := convert()
			words, tasks := ran()
			if code != c.code || !slices.Equal(words, c.ran) {
				t.Fatalf("exit code %d, want %d; ran %v, want %v\n%s", code, c.code, words, c.ran, out)
			}
			if c.profile == "mixed" && tasks != 2 {
				t.Errorf("%d tasks, want 2", tasks)
			}
			if out, err := exec.Command(program, "verify", filepath.Join(dir, "lake")).CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
			if code, out := convert(); code != 0 || !strings.Contains(out, "nothing is new") {
				t.Errorf("a second time: exit code %d\n%s", code, out)
			}
			if words, _ := ran(); !slices.Equal(words, []string{"plan"}) {
				t.Errorf("a second time: ran %v", words)
			}
		})
	}
}
