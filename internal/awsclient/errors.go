package awsclient

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/macielake/macielake/internal/text"
)

// CredentialsError says that there are no credentials to sign requests with.
type CredentialsError struct{ Err error }

func (e *CredentialsError) Error() string {
	found := "no AWS credentials: "
	if e.kind() == Expired {
		found = "the AWS credentials have expired: "
	}
	return found + strings.TrimPrefix(e.Err.Error(), "failed to refresh cached credentials, ")
}
func (e *CredentialsError) Unwrap() error { return e.Err }

func (e *CredentialsError) kind() Kind {
	var api smithy.APIError
	message := strings.ToLower(e.Err.Error())
	if errors.As(e.Err, &api) && kindOfCode(api.ErrorCode()) == Expired || strings.Contains(message, "expired") {
		return Expired
	}
	return NoCredentials
}

// Error is a failed request and the known reasons for it.
type Error struct {
	Op       string // "GetObject", or words such as "reading"; empty if Err says it
	Resource string // URI of the object or bucket concerned; may be empty
	Kind     Kind

	// Known facts about a denied request, or empty:
	Identity string // the caller's ARN
	Action   string // the missing permission: "s3:GetObject"
	On       string // ARN of the KMS key or object that the permission is needed for

	// Region is where the bucket is, for WrongRegion.
	Region string
	// Code and RequestID come from the service; AWS Support asks for them.
	Code, RequestID string
	Err             error
}

// Error contains only the helpful part of the service's answer; Unwrap returns all
// of it.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Resource != "" {
		b.WriteString(text.Short(e.Resource))
		b.WriteString(": ")
	}
	if e.Op != "" {
		b.WriteString(e.Op)
		b.WriteString(": ")
	}
	if e.Kind == Denied && e.Action != "" {
		b.WriteString("access denied: ")
		if e.Identity != "" {
			b.WriteString(e.Identity)
		} else {
			b.WriteString("the caller")
		}
		b.WriteString(" may not use ")
		b.WriteString(e.Action)
		if e.On != "" {
			b.WriteString(" on ")
			b.WriteString(e.On)
		}
		return b.String()
	}
	b.WriteString(reason(e.Err))
	if e.Kind == Denied && e.Identity != "" {
		fmt.Fprintf(&b, " (as %s)", e.Identity)
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// Failed makes an Error of an error of the SDK, with the details that the answer
// contains. An Error, and the error of a cancelled context, is returned as it is.
func Failed(op, resource string, err error) error {
	if err == nil {
		return nil
	}
	if e := (*Error)(nil); errors.As(err, &e) {
		return err
	}
	kind := KindOf(err)
	if kind == Cancelled {
		return err
	}
	e := &Error{Op: op, Resource: resource, Kind: kind, Err: err}
	var api smithy.APIError
	if errors.As(err, &api) {
		e.Code = api.ErrorCode()
		if kind == Denied {
			e.Identity, e.Action, e.On = deniedBy(api.ErrorMessage())
		}
	}
	var response *awshttp.ResponseError
	if errors.As(err, &response) {
		e.RequestID = response.ServiceRequestID()
		if response.Response != nil {
			e.Region = response.Response.Header.Get("X-Amz-Bucket-Region")
		}
	}
	return e
}

// denial matches the message of a denied request (IAM user guide, "Troubleshoot
// access denied error messages").
var denial = regexp.MustCompile(`User: (\S+) is not authorized to perform: ([\w-]+:\w+)(?: on(?: the)? resource(?: associated with this ciphertext)?:? "?([^\s"]+)"?)?`)

// oldKMSDenial begins the message that KMS used to send for any denied key.
const oldKMSDenial = "The ciphertext refers to a customer master key that does not exist"

func deniedBy(message string) (identity, action, on string) {
	if m := denial.FindStringSubmatch(message); m != nil {
		if !strings.HasPrefix(m[3], "arn:") { // "because no … policy allows"
			m[3] = ""
		}
		return m[1], m[2], strings.TrimRight(m[3], ".,")
	}
	if strings.HasPrefix(message, oldKMSDenial) {
		return "", "kms:Decrypt", ""
	}
	return "", "", ""
}

// reason returns the text of an error without the SDK's layers around it.
func reason(err error) string {
	var (
		api         smithy.APIError
		credentials *CredentialsError
		response    *awshttp.ResponseError
		answer      *AnswerError
		decoding    *smithy.DeserializationError
	)
	switch {
	case err == nil:
		return "no reason given"
	case errors.As(err, &answer):
		return answer.Error() + gaveUp(err)
	case !errors.As(err, &api) && malformed(err):
		what := err
		if errors.As(err, &decoding) {
			what = decoding.Err
		} else if errors.As(err, &response) {
			what = response.Err
		}
		return text.Short((&AnswerError{what.Error()}).Error() + gaveUp(err))
	case errors.As(err, &credentials):
		return text.Short(credentials.Error())
	case errors.As(err, &api):
		message := api.ErrorCode()
		if m := api.ErrorMessage(); m != "" && m != message {
			message += ": " + m
		}
		if errors.As(err, &response) && response.HTTPStatusCode() > 0 && message == "" {
			message = fmt.Sprintf("HTTP status %d", response.HTTPStatusCode())
		}
		return text.Short(message + gaveUp(err))
	case errors.As(err, &response) && response.HTTPStatusCode() > 0:
		return text.Short(fmt.Sprintf("HTTP status %d: %v", response.HTTPStatusCode(), response.Err) + gaveUp(err))
	}
	// There was no answer: the network's own error is the reason.
	var (
		sending *smithyhttp.RequestSendError
		asked   *url.Error
	)
	message := err.Error()
	switch {
	case errors.As(err, &asked):
		message = asked.Err.Error() + gaveUp(err)
	case errors.As(err, &sending):
		message = sending.Err.Error() + gaveUp(err)
	}
	return text.Short(strings.ReplaceAll(message, "\n", "; "))
}

func gaveUp(err error) string {
	if e := (*exhaustedError)(nil); errors.As(err, &e) {
		return " (" + e.Error() + ")"
	}
	return ""
}
