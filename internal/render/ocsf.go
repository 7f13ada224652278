package render

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/macielake/macielake/internal/change"
	"github.com/macielake/macielake/internal/config"
)

// OCSF writes changes as events of the Open Cybersecurity Schema Framework: Data
// Security Finding, class 2006 of OCSF 1.8.0. Each event has the fingerprint of its
// finding as finding_info.uid, and a metadata.uid that is the same whenever the same
// change is written again, so that repeats do no harm.
type OCSF struct {
	Report  *change.Report
	Config  *config.Config // has names of accounts; nil for none
	Version string         // of the program
}

// ocsfVersion is the version of the schema.
const ocsfVersion = "1.8.0"

// activity is what an event says happened to the finding, and how it now is.
type activity struct {
	id       int
	name     string
	statusID int
	status   string
}

var activities = map[string]activity{
	change.New.String():              {1, "Create", 1, "New"},
	change.Reappeared.String():       {2, "Update", 1, "New"},
	change.Worse.String():            {2, "Update", 2, "In Progress"},
	change.NotSeenAgain.String():     {2, "Update", 2, "In Progress"},
	change.Resolved.String():         {3, "Close", 4, "Resolved"},
	change.NoLongerDetected.String(): {3, "Close", 5, "Archived"},
	change.Gone.String():             {3, "Close", 4, "Resolved"},
}

// Names and numbers of the schema's enumerations.
var (
	severities = map[string]int{"Low": 2, "Medium": 3, "High": 4}
	categories = map[string]int{"FINANCIAL_INFORMATION": 3, "PERSONAL_INFORMATION": 1, "CREDENTIALS": 6}
)

type (
	ocsfEvent struct {
		Metadata     ocsfMetadata   `json:"metadata"`
		CategoryUID  int            `json:"category_uid"`
		CategoryName string         `json:"category_name"`
		ClassUID     int            `json:"class_uid"`
		ClassName    string         `json:"class_name"`
		ActivityID   int            `json:"activity_id"`
		ActivityName string         `json:"activity_name"`
		TypeUID      int            `json:"type_uid"`
		TypeName     string         `json:"type_name"`
		Time         int64          `json:"time"` // ms since 1970, as all times here
		SeverityID   int            `json:"severity_id"`
		Severity     string         `json:"severity"`
		StatusID     int            `json:"status_id"`
		Status       string         `json:"status"`
		StatusDetail string         `json:"status_detail,omitempty"`
		Message      string         `json:"message"`
		Finding      ocsfFinding    `json:"finding_info"`
		Cloud        ocsfCloud      `json:"cloud"`
		Data         ocsfData       `json:"data_security"`
		Bucket       ocsfBucket     `json:"databucket"`
		Resources    []ocsfResource `json:"resources"`
		// Unmapped is what the schema has no place for, as docs/changes.md names it.
		Unmapped map[string]any `json:"unmapped"`
	}
	ocsfMetadata struct {
		Version  string      `json:"version"`
		UID      string      `json:"uid"`
		Profiles []string    `json:"profiles"`
		Product  ocsfProduct `json:"product"`
	}
	ocsfProduct struct {
		Name    string `json:"name"`
		Vendor  string `json:"vendor_name"`
		Version string `json:"version"`
	}
	ocsfFinding struct {
		UID         string   `json:"uid"`
		Title       string   `json:"title"`
		Types       []string `json:"types"`
		DataSources []string `json:"data_sources"`
		FirstSeen   int64    `json:"first_seen_time,omitempty"`
		LastSeen    int64    `json:"last_seen_time,omitempty"`
	}
	ocsfCloud struct {
		Provider string       `json:"provider"`
		Region   *string      `json:"region,omitempty"`
		Account  *ocsfAccount `json:"account,omitempty"`
	}
	ocsfAccount struct {
		UID    string `json:"uid"`
		Name   string `json:"name"` // the ID where the configuration has no name
		TypeID int    `json:"type_id"`
		Type   string `json:"type"`
	}
	ocsfData struct {
		CategoryID int             `json:"category_id"`
		Category   string          `json:"category"`
		SystemID   int             `json:"detection_system_id"`
		System     string          `json:"detection_system"`
		StateID    int             `json:"data_lifecycle_state_id"`
		State      string          `json:"data_lifecycle_state"`
		Classifier ocsfClassifier  `json:"classifier_details"`
		Found      []ocsfDiscovery `json:"discovery_details"`
	}
	ocsfClassifier struct {
		Type string  `json:"type"`
		Name *string `json:"name,omitempty"`
		UID  *string `json:"uid,omitempty"`
	}
	ocsfDiscovery struct {
		Type  *string     `json:"type,omitempty"`
		Count json.Number `json:"count,omitempty"`
	}
	ocsfBucket struct {
		Name   string   `json:"name"`
		UID    string   `json:"uid"`
		TypeID int      `json:"type_id"`
		Type   string   `json:"type"`
		Region *string  `json:"region,omitempty"`
		File   ocsfFile `json:"file"`
	}
	ocsfFile struct {
		Name        string `json:"name"`
		Path        string `json:"path"`
		TypeID      int    `json:"type_id"`
		Type        string `json:"type"`
		IsPublic    *bool  `json:"is_public,omitempty"` // absent where it isn't known
		IsEncrypted *bool  `json:"is_encrypted,omitempty"`
	}
	ocsfResource struct {
		UID       string     `json:"uid"`
		Name      string     `json:"name"`
		Type      string     `json:"type"`
		Partition *string    `json:"cloud_partition,omitempty"`
		Region    *string    `json:"region,omitempty"`
		Group     *ocsfGroup `json:"group,omitempty"` // whose it is
	}
	ocsfGroup struct {
		Name string `json:"name"`
		UID  string `json:"uid"`
	}
)

// Event returns the event of a change, given as change.Record in JSON.
func (o *OCSF) Event(record []byte) ([]byte, error) {
	var r change.Record
	if err := json.Unmarshal(record, &r); err != nil {
		return nil, fmt.Errorf("reading a change back: %w", err)
	}
	a := activities[r.State]
	if r.Accepted != nil {
		a.statusID, a.status = 3, "Suppressed"
	}
	severity, severityID := "Unknown", 0
	if r.Severity != nil && severities[*r.Severity] != 0 {
		severity, severityID = *r.Severity, severities[*r.Severity]
	}
	category, categoryID := orDash(r.Category), 99
	if id := categories[category]; id != 0 {
		categoryID = id
	}
	run, at := "", time.Time{}
	if o.Report.Until != nil {
		run, at = o.Report.Until.Run, o.Report.Until.EndedAt
	}
	bucket, key, partition := orEmpty(r.Bucket), orEmpty(r.Key), "aws"
	if r.Partition != nil {
		partition = *r.Partition
	}
	bucketARN := "arn:" + partition + ":s3:::" + bucket
	e := ocsfEvent{
		Metadata: ocsfMetadata{
			Version: ocsfVersion, UID: r.Fingerprint + ":" + r.State + ":" + run, Profiles: []string{"cloud"},
			Product: ocsfProduct{"macielake", "macielake", o.Version},
		},
		CategoryUID: 2, CategoryName: "Findings", ClassUID: 2006, ClassName: "Data Security Finding",
		ActivityID: a.id, ActivityName: a.name, TypeUID: 2006_00 + a.id, TypeName: "Data Security Finding: " + a.name,
		Time: at.UnixMilli(), SeverityID: severityID, Severity: severity, StatusID: a.statusID, Status: a.status,
		StatusDetail: strings.Join(r.Causes, "; "),
		Message:      fmt.Sprintf("%s in %s: %s", orDash(r.Type), r.Object, strings.ReplaceAll(r.State, "_", " ")),
		Finding: ocsfFinding{
			UID: r.Fingerprint, Title: orDash(r.Type) + " in " + r.Object, Types: []string{category}, DataSources: []string{"Amazon Macie"},
		},
		Cloud: ocsfCloud{Provider: "AWS", Region: r.Region},
		Data: ocsfData{
			CategoryID: categoryID, Category: category, SystemID: 4, System: "Data Discovery & Classification", StateID: 1, State: "Data at-Rest",
			Classifier: ocsfClassifier{orDash(r.Kind), r.Type, r.Identifier}, Found: []ocsfDiscovery{{r.Type, r.Count}},
		},
		Bucket: ocsfBucket{
			Name: bucket, UID: bucketARN, TypeID: 1, Type: "S3", Region: r.Region,
			File: ocsfFile{
				Name: key[strings.LastIndexByte(key, '/')+1:], Path: key, TypeID: 1, Type: "Regular File",
				IsPublic: known(r.Public, "yes"), IsEncrypted: known(r.Unencrypted, "no"),
			},
		},
		Resources: []ocsfResource{{UID: bucketARN + "/" + key, Name: key, Type: "AWS::S3::Object", Partition: r.Partition, Region: r.Region}},
		Unmapped:  map[string]any{"state": r.State, "run": run, "confirmed": r.Confirmed},
	}
	if r.FirstSeen != nil {
		e.Finding.FirstSeen, e.Finding.LastSeen = r.FirstSeen.UnixMilli(), r.LastSeen.UnixMilli()
	}
	if r.Account != nil {
		e.Cloud.Account = &ocsfAccount{UID: *r.Account, Name: *r.Account, TypeID: 10, Type: "AWS Account"}
		if o.Config != nil && o.Config.Accounts[*r.Account] != "" {
			e.Cloud.Account.Name = o.Config.Accounts[*r.Account]
		}
	}
	if r.Owner != nil {
		e.Resources[0].Group = &ocsfGroup{*r.Owner, *r.Owner}
	}
	if r.Accepted != nil {
		e.Unmapped["accepted"] = r.Accepted
	}
	if o.Config != nil {
		e.Unmapped["config_sha256"] = o.Config.SHA256
	}
	return json.Marshal(e)
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// known is whether a fact is the one that is true; nil where it isn't known.
func known(fact, isTrue string) *bool {
	if fact != "yes" && fact != "no" {
		return nil
	}
	is := fact == isTrue
	return &is
}
