package kubernetes

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

const manifests = "../../deploy/kubernetes"

// read decodes a manifest. A field that the type doesn't have is an error.
func read(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(manifests, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(text, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// jobs are the specifications of all jobs, by file.
func jobs(t *testing.T) map[string]batchv1.JobSpec {
	t.Helper()
	all := map[string]batchv1.JobSpec{}
	for _, name := range []string{"plan.yaml", "work.yaml", "commit.yaml"} {
		var j batchv1.Job
		read(t, name, &j)
		if j.APIVersion != "batch/v1" || j.Kind != "Job" || j.Name == "" {
			t.Errorf("%s: %s %s %q", name, j.APIVersion, j.Kind, j.Name)
		}
		all[name] = j.Spec
	}
	var c batchv1.CronJob
	read(t, "nightly.yaml", &c)
	if c.APIVersion != "batch/v1" || c.Kind != "CronJob" || c.Spec.ConcurrencyPolicy != batchv1.ForbidConcurrent {
		t.Errorf("nightly.yaml: %s %s %s", c.APIVersion, c.Kind, c.Spec.ConcurrencyPolicy)
	}
	if fields := strings.Fields(c.Spec.Schedule); len(fields) != 5 {
		t.Errorf("nightly.yaml: schedule %q", c.Spec.Schedule)
	}
	all["nightly.yaml"] = c.Spec.JobTemplate.Spec
	return all
}

// Every manifest is one that this test knows.
func TestFiles(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(manifests, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, filepath.Base(f))
	}
	if want := []string{"account.yaml", "commit.yaml", "nightly.yaml", "plan.yaml", "work.yaml"}; !slices.Equal(names, want) {
		t.Errorf("manifests %v, want %v", names, want)
	}
	var account corev1.ServiceAccount
	read(t, "account.yaml", &account)
	for name, j := range jobs(t) {
		if got := j.Template.Spec.ServiceAccountName; got != account.Name {
			t.Errorf("%s: account %q, want %q", name, got, account.Name)
		}
	}
}

// What an API server demands of these fields (the comments of the types in
// k8s.io/api/batch/v1 say it), and restricted pod security.
func TestRules(t *testing.T) {
	for name, j := range jobs(t) {
		pod := j.Template.Spec
		if pod.RestartPolicy != corev1.RestartPolicyNever {
			t.Errorf("%s: a pod failure policy needs restartPolicy Never", name)
		}
		if len(pod.Containers) != 1 {
			t.Fatalf("%s: %d containers", name, len(pod.Containers))
		}
		c := pod.Containers[0]
		if j.PodFailurePolicy == nil || len(j.PodFailurePolicy.Rules) > 20 {
			t.Fatalf("%s: rules of pod failures", name)
		}
		for i, r := range j.PodFailurePolicy.Rules {
			if (r.OnExitCodes == nil) == (len(r.OnPodConditions) == 0) {
				t.Errorf("%s: rule %d needs exit codes or conditions, and not both", name, i)
			}
			if r.Action == batchv1.PodFailurePolicyActionFailIndex && j.BackoffLimitPerIndex == nil {
				t.Errorf("%s: FailIndex needs backoffLimitPerIndex", name)
			}
			e := r.OnExitCodes
			if e == nil {
				continue
			}
			if e.ContainerName == nil || *e.ContainerName != c.Name {
				t.Errorf("%s: rule %d is not of the container", name, i)
			}
			if !slices.IsSorted(e.Values) || len(slices.Compact(slices.Clone(e.Values))) != len(e.Values) || slices.Contains(e.Values, 0) || len(e.Values) > 255 {
				t.Errorf("%s: rule %d: exit codes %v must be in order, different, and not 0", name, i, e.Values)
			}
		}
		if j.BackoffLimitPerIndex != nil && (j.CompletionMode == nil || *j.CompletionMode != batchv1.IndexedCompletion) {
			t.Errorf("%s: backoffLimitPerIndex needs Indexed", name)
		}
		if j.MaxFailedIndexes != nil && (j.BackoffLimitPerIndex == nil || *j.MaxFailedIndexes > *j.Completions) {
			t.Errorf("%s: maxFailedIndexes must be at most completions", name)
		}
		for _, m := range c.VolumeMounts {
			if !slices.ContainsFunc(pod.Volumes, func(v corev1.Volume) bool { return v.Name == m.Name }) {
				t.Errorf("%s: no volume %s", name, m.Name)
			}
		}
		for resource, quantity := range c.Resources.Requests {
			if limit, ok := c.Resources.Limits[resource]; ok && quantity.Cmp(limit) > 0 {
				t.Errorf("%s: requests more %s than its limit", name, resource)
			}
		}
		s := c.SecurityContext
		if s == nil || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || s.Capabilities == nil || !slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) ||
			s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem ||
			pod.SecurityContext == nil || pod.SecurityContext.RunAsNonRoot == nil || !*pod.SecurityContext.RunAsNonRoot || pod.SecurityContext.SeccompProfile == nil ||
			pod.SecurityContext.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
			t.Errorf("%s: isn't restricted as pod security standards have it", name)
		}
		if pod.TerminationGracePeriodSeconds == nil || *pod.TerminationGracePeriodSeconds < 10 {
			t.Errorf("%s: a task needs 10 s to stop", name)
		}
	}
}

// outcome is what a job's rules make of an exit code: the first rule that matches counts,
// and without one the pod is tried again until the limit is reached.
func outcome(j batchv1.JobSpec, code int32) string {
	for _, r := range j.PodFailurePolicy.Rules {
		if e := r.OnExitCodes; e != nil && slices.Contains(e.Values, code) == (e.Operator == batchv1.PodFailurePolicyOnExitCodesOpIn) {
			return string(r.Action)
		}
	}
	return "retry"
}

// What each exit code of docs/machines.md leads to.
func TestExitCodes(t *testing.T) {
	all := jobs(t)
	for name, want := range map[string]map[int32]string{
		"plan.yaml":    {1: "retry", 2: "FailJob", 4: "FailJob", 5: "FailJob", 137: "retry", 143: "retry"},
		"work.yaml":    {1: "retry", 2: "FailJob", 5: "FailIndex", 75: "retry", 137: "retry", 143: "retry"},
		"commit.yaml":  {1: "retry", 2: "FailJob", 3: "FailJob", 4: "FailJob", 5: "FailJob", 75: "FailJob", 137: "retry", 143: "retry"},
		"nightly.yaml": {1: "retry", 2: "FailJob", 3: "FailJob", 4: "FailJob", 5: "FailJob", 137: "retry", 143: "retry"},
	} {
		for code, action := range want {
			if got := outcome(all[name], code); got != action {
				t.Errorf("%s: exit code %d: %s, want %s", name, code, got, action)
			}
		}
		disrupted := all[name].PodFailurePolicy.Rules[0]
		if disrupted.Action != batchv1.PodFailurePolicyActionIgnore || len(disrupted.OnPodConditions) != 1 || disrupted.OnPodConditions[0].Type != corev1.DisruptionTarget {
			t.Errorf("%s: a disrupted pod must be ignored first: %+v", name, disrupted)
		}
	}
}
