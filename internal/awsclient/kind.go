package awsclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/xml"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Kind is the meaning of an error.
type Kind uint8

// Kinds of errors. Requests are repeated after the kinds up to BadAnswer.
const (
	Unknown     Kind = iota
	Throttled        // the service, or KMS behind it, asks for fewer requests
	Unavailable      // the service had an error of its own
	Broken           // the connection broke
	Refused          // nothing listens at the address
	TimedOut         // no answer in time
	BadAnswer        // success, but not as the service reports it (AnswerError)

	Denied         // no permission
	NoCredentials  // none were found, or their provider failed
	Expired        // the credentials have expired
	BadCredentials // the service doesn't know or accept them
	NotFound       // no such object
	NoSuchBucket
	WrongRegion  // the bucket is in another Region
	Archived     // an object in Glacier or Deep Archive that isn't restored
	Precondition // If-Match or If-None-Match didn't hold
	RequesterPays
	ObjectLock // the bucket's Object Lock forbids it
	BadKey     // the KMS key doesn't exist, is disabled, or can't be used for this
	BadEndpoint
	BadConfig
	Unsupported // the store doesn't implement it
	Cancelled   // by this program
)

// attempts is how often a request is sent at most, by the kind of its last error. The
// waits between attempts double, so that 20 attempts last for more than half a minute,
// whatever the jitter.
func (k Kind) attempts() int {
	switch k {
	case Throttled, Unavailable, Broken:
		return 20
	case Refused:
		return 8
	case TimedOut, BadAnswer:
		return 4
	}
	return 1
}

// Passes reports whether an error of this kind may pass, so that another attempt is
// worthwhile.
func (k Kind) Passes() bool { return k.attempts() > 1 }

// kindOfCode knows the error codes that say more than the HTTP status (S3 API
// reference, "Error responses"; S3 passes on KMS errors with the prefix "KMS.").
func kindOfCode(code string) Kind {
	switch code {
	case "SlowDown", "Throttling", "ThrottlingException", "ThrottledException", "RequestLimitExceeded",
		"BandwidthLimitExceeded", "TooManyRequestsException", "TooManyRequests", "RequestThrottled",
		"RequestThrottledException", "LimitExceededException", "KMS.ThrottlingException", "EC2ThrottledException",
		"PriorRequestNotComplete":
		return Throttled
	case "InternalError", "InternalFailure", "InternalServerError", "InternalServerException", "ServiceUnavailable",
		"ServiceUnavailableException", "OperationAborted", "ConditionalRequestConflict",
		"KMS.InternalException", "KMS.KMSInternalException", "KMS.DependencyTimeoutException":
		return Unavailable
	case "RequestTimeout", "RequestTimeoutException", "IncompleteBody", "BadDigest":
		return Broken
	case "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AllAccessDisabled", "Forbidden",
		"KMS.AccessDeniedException", "UnauthorizedAccess":
		return Denied
	case "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired":
		return Expired
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "InvalidClientTokenId",
		"UnrecognizedClientException", "InvalidSignatureException", "InvalidSecurity", "NotSignedUp",
		"RequestTimeTooSkewed", "AuthFailure":
		return BadCredentials
	case "NoSuchKey", "NotFound", "NoSuchVersion":
		return NotFound
	case "NoSuchBucket":
		return NoSuchBucket
	case "PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException",
		"Redirect", "MovedPermanently":
		return WrongRegion
	case "InvalidObjectState":
		return Archived
	case "PreconditionFailed":
		return Precondition
	case "NotImplemented":
		return Unsupported
	case "InvalidBucketState", "ObjectLockConfigurationNotFoundError":
		return ObjectLock
	}
	if strings.HasPrefix(code, "KMS.") {
		return BadKey
	}
	return Unknown
}

// KindOf returns the kind of an error of the SDK, or of one that wraps it.
func KindOf(err error) Kind {
	var (
		ours        *Error
		credentials *CredentialsError
		api         smithy.APIError
		response    *awshttp.ResponseError
		plain       *smithyhttp.ResponseError
		skewed      interface{ RetryableError() bool }
		answer      *AnswerError
	)
	switch {
	case err == nil:
		return Unknown
	case errors.As(err, &ours):
		return ours.Kind
	case errors.Is(err, context.Canceled):
		return Cancelled
	case errors.As(err, &answer):
		return BadAnswer
	case errors.As(err, &credentials):
		return credentials.kind()
	case errors.As(err, &skewed) && skewed.RetryableError():
		return Unavailable // the SDK has corrected its clock for another attempt
	}
	status := 0
	if errors.As(err, &response) {
		status = response.HTTPStatusCode()
	} else if errors.As(err, &plain) {
		status = plain.HTTPStatusCode()
	}
	if errors.As(err, &api) {
		if k := kindOfMessage(api.ErrorMessage()); k != Unknown && status >= 400 && status < 500 {
			return k
		}
		if k := kindOfCode(api.ErrorCode()); k != Unknown {
			return k
		}
	}
	if malformed(err) && status < 300 {
		return BadAnswer
	}
	if status > 0 {
		return kindOfStatus(status)
	}
	return kindOfConnection(err)
}

// malformed reports whether an answer was read to its end but isn't in the service's
// format.
func malformed(err error) bool {
	var (
		decoding *smithy.DeserializationError
		syntax   *xml.SyntaxError
	)
	if errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), "unexpected EOF") {
		return false
	}
	return errors.As(err, &syntax) || errors.As(err, &decoding) && kindOfConnection(decoding.Err) == Unknown
}

// kindOfMessage knows the errors that only their message tells apart.
func kindOfMessage(message string) Kind {
	lower := strings.ToLower(message)
	switch {
	case strings.Contains(lower, "requester pays"):
		return RequesterPays
	case strings.Contains(lower, "object lock"), strings.Contains(lower, "object is worm protected"):
		return ObjectLock
	}
	return Unknown
}

// kindOfStatus is for answers without an error code, such as those to HEAD.
func kindOfStatus(status int) Kind {
	switch status {
	case http.StatusTooManyRequests:
		return Throttled
	case http.StatusRequestTimeout:
		return Broken
	case http.StatusUnauthorized, http.StatusForbidden:
		return Denied
	case http.StatusNotFound:
		return NotFound
	case http.StatusPreconditionFailed:
		return Precondition
	case http.StatusMovedPermanently, http.StatusTemporaryRedirect:
		return WrongRegion
	case http.StatusNotImplemented, http.StatusMethodNotAllowed:
		return Unsupported
	}
	if status >= 500 {
		return Unavailable
	}
	if status >= 200 && status < 300 {
		return Broken // the answer was cut off
	}
	return Unknown
}

// kindOfConnection is for errors without an answer.
func kindOfConnection(err error) Kind {
	var (
		dns         *net.DNSError
		certificate *tls.CertificateVerificationError
		authority   x509.UnknownAuthorityError
		record      tls.RecordHeaderError
		sending     *smithyhttp.RequestSendError
		network     *net.OpError
		timeout     interface{ Timeout() bool }
		region      *aws.MissingRegionError
	)
	switch {
	case errors.As(err, &region):
		return BadConfig
	case errors.As(err, &dns) && dns.IsNotFound,
		errors.As(err, &certificate), errors.As(err, &authority), errors.As(err, &record):
		return BadEndpoint
	case errors.Is(err, syscall.ECONNREFUSED):
		return Refused
	case errors.As(err, &timeout) && timeout.Timeout():
		return TimedOut
	case errors.As(err, &sending), errors.As(err, &network),
		errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		if strings.Contains(err.Error(), "unsupported protocol scheme") {
			return BadEndpoint
		}
		return Broken
	}
	return Unknown
}
