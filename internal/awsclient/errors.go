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

// Error is a request that failed, with what is known of why.
type Error struct {
	Op       string // what was tried: "GetObject", or in words; empty where Err says it
	Resource string // on what: a URI; empty where there is none
	Kind     Kind

	// Of a request that was denied, as far as it can be told:
	Identity string // ARN of who asked
	Action   string // what isn't allowed: "s3:GetObject"
	On       string // ARN of what it isn't allowed on: the KMS key, the object

	// Region is where the bucket is, for WrongRegion.
	Region string
	// Code and RequestID are the service's, for those who ask AWS.
	Code, RequestID string
	Err             error
}

// Error has no more of the service's answer than a person needs; Unwrap has it
// all.
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

// Failed makes an Error of the SDK's, with what the answer itself says. An error
// of our own context, and one that is an Error already, is returned as it is.
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

// denial is how services say who may not do what (IAM user guide, "Troubleshoot
// access denied error messages").
var denial = regexp.MustCompile(`User: (\S+) is not authorized to perform: ([\w-]+:\w+)(?: on(?: the)? resource(?: associated with this ciphertext)?:? "?([^\s"]+)"?)?`)

// oldKMSDenial is what KMS said of any key that one may not use.
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

// reason is what an error says, without the SDK's account of how it got there.
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
	// Of a request that had no answer, what the network said.
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
