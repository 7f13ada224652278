package athena_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/macielake/macielake/internal/athena"
	"github.com/macielake/macielake/internal/athena/athenatest"
	"github.com/macielake/macielake/internal/awsclient"
	"github.com/macielake/macielake/internal/register"
)

// serve returns a registration with a server of its own. The test fails if the server
// finds an invalid request.
func serve(t *testing.T) (*athenatest.Server, *register.Registration) {
	t.Helper()
	s := athenatest.New()
	h := httptest.NewServer(s)
	t.Cleanup(func() {
		h.Close()
		for _, p := range s.Problems() {
			t.Error(p)
		}
	})
	cfg := aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String(h.URL), HTTPClient: h.Client(),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}, nil
		}),
	}
	return s, &register.Registration{AWS: awsclient.Prepare(cfg, awsclient.Options{})}
}

// makeCalls plans and makes the calls. It returns the operations, as Server.Calls.
func makeCalls(t *testing.T, r *register.Registration, l *athena.Layout, target athena.Target) []string {
	t.Helper()
	calls, err := r.Plan(t.Context(), l, target)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, c := range calls {
		if err := c.Do(t.Context()); err != nil {
			t.Fatal(err)
		}
		names = append(names, c.Operation+" "+c.Name)
	}
	return names
}

func wantNoCalls(t *testing.T, calls []string) {
	t.Helper()
	if len(calls) > 0 {
		t.Errorf("called again: %q", calls)
	}
}

func TestRegister(t *testing.T) {
	s, r := serve(t)
	l := monthly().read(t)
	calls := makeCalls(t, r, l, onAthena())
	want := []string{"glue:CreateDatabase macie"}
	for _, name := range []string{"results", "detections", "occurrences"} {
		want = append(want, "glue:CreateTable macie."+name, "glue:BatchCreatePartition macie."+name+" (2)")
	}
	want = append(want, "glue:CreateTable macie.runs")
	for _, name := range []string{
		"current_results", "current_buckets", "current_detections", "current_findings", "current_states", "current_subjects", "sensitive_objects", "object_locations",
		"unanalyzed_objects", "job_summary", "bucket_summary",
	} {
		want = append(want, "athena:StartQueryExecution macie."+name, "glue:UpdateTable macie."+name)
	}
	if !slices.Equal(calls, want) {
		t.Errorf("%q", calls)
	}
	table, _, ok := s.Table("macie", "results")
	if !ok || *table.StorageDescriptor.Location != "s3://a-bucket/lake/results/" ||
		table.Parameters["projection.created_month.range"] != "2026-03,NOW+31DAYS" ||
		table.Parameters["storage.location.template"] != "s3://a-bucket/lake/results/created_month=${created_month}/" {
		t.Errorf("%+v", table)
	}
	view, _, ok := s.Table("macie", "job_summary")
	if !ok || view.Parameters["presto_view"] != "true" || view.Parameters["comment"] != "Presto View" ||
		view.Parameters["macielake.view"] == "" || !strings.HasPrefix(*view.ViewOriginalText, "/* Presto View") ||
		view.Description != nil { // the engine sets none
		t.Errorf("%+v", view)
	}

	// Registering again makes no call, not even a month later.
	s.Forget()
	later := onAthena()
	later.Now = now.AddDate(0, 1, 0)
	wantNoCalls(t, makeCalls(t, r, l, later))
	wantNoCalls(t, s.Calls())
}

func TestRegisterGolden(t *testing.T) {
	_, r := serve(t)
	r.Workgroup, r.QueryResults = "security", "s3://results/x/"
	l := lake{tables: []string{"results"}, keys: []string{"account"}, dirs: []string{"p_account=111122223333"}}.read(t)
	calls, err := r.Plan(t.Context(), l, onAthena())
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, c := range calls {
		request, err := json.MarshalIndent(c.Input, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "== %s %s\n", c.Operation, c.Name)
		out.Write(append(request, '\n'))
	}
	golden(t, "register.txt", out.String())
}

// Registering a dataset that has grown changes only what differs.
func TestRegisterAgain(t *testing.T) {
	s, r := serve(t)
	makeCalls(t, r, monthly().read(t), onAthena())
	earlier := monthly()
	earlier.dirs = append(earlier.dirs, "created_month=2025-12")
	got := makeCalls(t, r, earlier.read(t), onAthena())
	var want []string
	for _, name := range []string{"results", "detections", "occurrences"} {
		want = append(want, "glue:UpdateTable macie."+name, "glue:BatchCreatePartition macie."+name+" (1)")
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	wantNoCalls(t, makeCalls(t, r, earlier.read(t), onAthena()))

	// Properties that other programs set on a table stay.
	table, partitions, _ := s.Table("macie", "results")
	table.Parameters["someone"] = "else"
	table.Owner = aws.String("hadoop")
	s.PutTable("macie", table, partitions...)
	wantNoCalls(t, makeCalls(t, r, earlier.read(t), onAthena()))
	target := onAthena()
	target.Location = "s3://other-bucket"
	if got := makeCalls(t, r, earlier.read(t), target); len(got) != 7 { // four tables, and the partitions of three
		t.Errorf("%q", got)
	}
	table, _, _ = s.Table("macie", "results")
	if table.Parameters["someone"] != "else" || *table.Owner != "hadoop" || *table.StorageDescriptor.Location != "s3://other-bucket/results/" {
		t.Errorf("%+v", table)
	}

	// A view that another program changed is created again.
	view, _, _ := s.Table("macie", "job_summary")
	view.Parameters["macielake.view"] = "other"
	s.PutTable("macie", view)
	got = makeCalls(t, r, earlier.read(t), target)
	if want := []string{"athena:StartQueryExecution macie.job_summary", "glue:UpdateTable macie.job_summary"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func byJob(first, end int) lake {
	l := lake{keys: []string{"job"}}
	for i := first; i < end; i++ {
		l.dirs = append(l.dirs, fmt.Sprintf("p_job=%03d%%2F", i))
	}
	return l
}

func TestRegisterPartitions(t *testing.T) {
	s, r := serve(t)
	got := makeCalls(t, r, byJob(0, 250).read(t), onAthena())
	if want := []string{
		"glue:CreateTable macie.results", "glue:BatchCreatePartition macie.results (100)",
		"glue:BatchCreatePartition macie.results (100)", "glue:BatchCreatePartition macie.results (50)",
	}; !slices.Equal(got[1:5], want) {
		t.Errorf("%q", got)
	}
	_, partitions, _ := s.Table("macie", "results")
	if len(partitions) != 250 || partitions[0].Values[0] != "000/" ||
		*partitions[0].StorageDescriptor.Location != "s3://a-bucket/lake/results/p_job=000%2F/" {
		t.Errorf("%d partitions: %+v", len(partitions), partitions[0])
	}
	wantNoCalls(t, makeCalls(t, r, byJob(0, 250).read(t), onAthena()))

	// Partitions are added and deleted.
	got = makeCalls(t, r, byJob(30, 260).read(t), onAthena())
	if want := []string{
		"glue:BatchCreatePartition macie.results (10)",
		"glue:BatchDeletePartition macie.results (25)", "glue:BatchDeletePartition macie.results (5)",
	}; !slices.Equal(got[:3], want) || len(got) != 9 {
		t.Errorf("%q", got)
	}
	wantNoCalls(t, makeCalls(t, r, byJob(30, 260).read(t), onAthena()))

	// Partitions move.
	target := onAthena()
	target.Location = "s3://other-bucket"
	got = makeCalls(t, r, byJob(30, 260).read(t), target)
	if want := []string{
		"glue:UpdateTable macie.results", "glue:BatchUpdatePartition macie.results (100)",
		"glue:BatchUpdatePartition macie.results (100)", "glue:BatchUpdatePartition macie.results (30)",
	}; !slices.Equal(got[:4], want) {
		t.Errorf("%q", got)
	}
	_, partitions, _ = s.Table("macie", "detections")
	for _, p := range partitions {
		if !strings.HasPrefix(*p.StorageDescriptor.Location, "s3://other-bucket/detections/") {
			t.Errorf("%+v", p)
		}
	}
}

// Partitions that another program has just created are no error. Other failures inside
// a response are.
func TestRegisterPartitionErrors(t *testing.T) {
	s, r := serve(t)
	l := byJob(0, 3).read(t)
	makeCalls(t, r, l, onAthena())
	table, partitions, _ := s.Table("macie", "results")
	s.PutTable("macie", table)
	calls, err := r.Plan(t.Context(), l, onAthena())
	if err != nil || len(calls) != 1 {
		t.Fatal(calls, err)
	}
	s.PutTable("macie", table, partitions[1])
	if err := calls[0].Do(t.Context()); err != nil {
		t.Error(err)
	}
	_, partitions, _ = s.Table("macie", "results")
	if len(partitions) != 3 {
		t.Errorf("%d partitions", len(partitions))
	}

	target := onAthena()
	target.Location = "s3://other-bucket"
	calls, err = r.Plan(t.Context(), l, target)
	if err != nil || calls[1].Operation != "glue:BatchUpdatePartition" {
		t.Fatal(calls, err)
	}
	s.PutTable("macie", table)
	if err := calls[1].Do(t.Context()); err == nil || !strings.Contains(err.Error(), "EntityNotFoundException") {
		t.Errorf("%v", err)
	}
}

func TestRegisterRefusesOthers(t *testing.T) {
	s, r := serve(t)
	l := monthly().read(t)
	s.PutTable("macie", types.Table{Name: aws.String("detections"), PartitionKeys: []types.Column{
		{Name: aws.String("created_month"), Type: aws.String("string")},
	}})
	s.PutTable("macie", types.Table{Name: aws.String("job_summary"), TableType: aws.String("VIRTUAL_VIEW")})
	s.PutTable("macie", types.Table{Name: aws.String("unrelated")})
	_, err := r.Plan(t.Context(), l, onAthena())
	var foreign *register.ForeignError
	if !errors.As(err, &foreign) || !slices.Equal(foreign.Names, []string{"detections", "job_summary"}) {
		t.Fatalf("%v", err)
	}
	r.Adopt = []string{"job_summary"}
	if _, err = r.Plan(t.Context(), l, onAthena()); !errors.As(err, &foreign) || !slices.Equal(foreign.Names, []string{"detections"}) {
		t.Fatalf("%v", err)
	}
	wantNoCalls(t, s.Calls())
	r.Adopt = []string{"job_summary", "detections"}
	if got := makeCalls(t, r, l, onAthena()); !slices.Contains(got, "glue:UpdateTable macie.detections") {
		t.Errorf("%q", got)
	}
	// From now on they belong to macielake.
	r.Adopt = nil
	wantNoCalls(t, makeCalls(t, r, l, onAthena()))
}

func TestRegisterOtherKeys(t *testing.T) {
	_, r := serve(t)
	makeCalls(t, r, monthly().read(t), onAthena())
	var keys *register.PartitionKeysError
	if _, err := r.Plan(t.Context(), byJob(0, 1).read(t), onAthena()); !errors.As(err, &keys) || keys.Table != "macie.results" {
		t.Errorf("%v", err)
	}
}

func TestRegisterDenied(t *testing.T) {
	lake := "Insufficient Lake Formation permission(s): Required Create Table on macie"
	iam := "User: arn:aws:iam::111122223333:user/x is not authorized to perform: glue:CreateTable"
	for _, test := range []struct {
		operation, code, message string
		lakeFormation            bool
	}{
		{"glue:GetDatabase", "AccessDeniedException", iam, false},
		{"glue:GetTable", "AccessDeniedException", lake, true},
		{"glue:CreateTable", "AccessDeniedException", lake, true},
		{"glue:CreateTable", "AccessDeniedException", iam, false},
		{"glue:UpdateTable", "AccessDeniedException", lake, true},
		{"athena:StartQueryExecution", "AccessDeniedException", iam, false},
	} {
		t.Run(test.operation, func(t *testing.T) {
			s, r := serve(t)
			if test.operation == "glue:GetTable" {
				s.PutTable("macie", types.Table{Name: aws.String("other")})
			}
			s.Fail = func(operation, _ string) *athenatest.Error {
				if operation != test.operation {
					return nil
				}
				return &athenatest.Error{Code: test.code, Message: test.message}
			}
			calls, err := r.Plan(t.Context(), monthly().read(t), onAthena())
			for _, c := range calls {
				if err == nil {
					err = c.Do(t.Context())
				}
			}
			var denied *register.DeniedError
			if !errors.As(err, &denied) || denied.LakeFormation != test.lakeFormation || !strings.HasPrefix(denied.Call, test.operation+" macie") {
				t.Errorf("%v", err)
			}
			if test.lakeFormation && !strings.Contains(err.Error(), "Lake Formation denied access") {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestRegisterFailedQueries(t *testing.T) {
	s, r := serve(t)
	s.Looks = 1
	reason := ""
	s.FailQuery = func(statement string) string {
		if strings.Contains(statement, `"unanalyzed_objects"`) {
			return reason
		}
		return ""
	}
	run := func() error {
		calls, err := r.Plan(t.Context(), monthly().read(t), onAthena())
		for _, c := range calls {
			if err == nil {
				err = c.Do(t.Context())
			}
		}
		return err
	}
	reason = "SYNTAX_ERROR: line 1:8: Column 'x' cannot be resolved"
	err := run()
	var query *register.QueryError
	if !errors.As(err, &query) || query.Reason != reason || query.State != "FAILED" || query.ID == "" ||
		!strings.Contains(err.Error(), "macie.unanalyzed_objects") {
		t.Errorf("%v", err)
	}
	reason = "Insufficient Lake Formation permission(s) on runs"
	var denied *register.DeniedError
	if err := run(); !errors.As(err, &denied) || !denied.LakeFormation {
		t.Errorf("%v", err)
	}
	// Views that were already created stay, and the next call creates the rest.
	reason = ""
	s.Forget()
	if err := run(); err != nil || len(s.Calls()) != 6 {
		t.Errorf("%v: %q", err, s.Calls())
	}

	s.NoResults = true
	s.PutTable("macie", types.Table{Name: aws.String("job_summary"), Parameters: map[string]string{"macielake": "1"}, TableType: aws.String("VIRTUAL_VIEW")})
	if err := run(); err == nil || !strings.Contains(err.Error(), "No output location") {
		t.Errorf("%v", err)
	}
	r.QueryResults = "s3://results/"
	if err := run(); err != nil {
		t.Error(err)
	}
}

// Cancelling the wait stops the execution of the query.
func TestRegisterCancelled(t *testing.T) {
	s, r := serve(t)
	s.Looks = 1 << 30
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	calls, err := r.Plan(ctx, monthly().read(t), onAthena())
	if err != nil {
		t.Fatal(err)
	}
	why := errors.New("enough")
	for _, c := range calls {
		if c.Operation == "athena:StartQueryExecution" {
			time.AfterFunc(20*time.Millisecond, func() { cancel(why) })
			if err := c.Do(ctx); !errors.Is(err, why) && !errors.Is(err, context.Canceled) {
				t.Errorf("%v", err)
			}
			break
		}
		if err := c.Do(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.Calls(); got[len(got)-1] != "athena:StopQueryExecution" {
		t.Errorf("%q", got)
	}
}
