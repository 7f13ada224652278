package awsclient

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Request is one that Call sends.
type Request struct {
	Operation string // for errors: "DescribeKey"
	Resource  string // what it is about, for errors
	Service   string // name that the signature is for: "kms"
	Region    string
	Host      string // of AWS's own endpoint
	Method    string
	Path      string
	Header    map[string]string
	Body      []byte
}

// Call sends a signed request and returns the body of the answer. It is for the
// few questions to services (KMS, S3 Control) whose SDK clients would make the
// program larger and slower to build than everything else that asks AWS. An error
// is an *Error, or ctx's.
func Call(ctx context.Context, cfg aws.Config, r Request) ([]byte, error) {
	backoff := DefaultBackoff()
	if own, ok := cfg.Retryer().(*retryer); ok {
		backoff = own.backoff
	}
	for attempt := 1; ; attempt++ {
		body, err := r.send(ctx, cfg)
		if err == nil {
			return body, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if attempt >= KindOf(err).attempts() {
			return nil, Failed(r.Operation, r.Resource, err)
		}
		if err := backoff.Wait(ctx, attempt); err != nil {
			return nil, err
		}
	}
}

func (r *Request) send(ctx context.Context, cfg aws.Config) ([]byte, error) {
	endpoint := "https://" + r.Host
	if cfg.BaseEndpoint != nil {
		endpoint = strings.TrimSuffix(*cfg.BaseEndpoint, "/")
	}
	request, err := http.NewRequestWithContext(ctx, r.Method, endpoint+r.Path, bytes.NewReader(r.Body))
	if err != nil {
		return nil, err
	}
	for name, value := range r.Header {
		request.Header.Set(name, value)
	}
	credentials, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256(r.Body)
	sum := hex.EncodeToString(hash[:])
	request.Header.Set("X-Amz-Content-Sha256", sum)
	if err := v4.NewSigner().SignHTTP(ctx, credentials, request, sum, r.Service, r.Region, time.Now()); err != nil {
		return nil, err
	}
	response, err := cfg.HTTPClient.Do(request)
	if err != nil {
		return nil, &smithyhttp.RequestSendError{Err: err}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode < 300 {
		return body, nil
	}
	return nil, &awshttp.ResponseError{
		RequestID:     response.Header.Get("X-Amzn-Requestid"),
		ResponseError: &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: response}, Err: answerError(body)},
	}
}

// answerError reads an error as services write it: in JSON, or in XML.
func answerError(body []byte) error {
	var inJSON struct {
		Type         string `json:"__type"`
		Message      string `json:"message"`
		MessageUpper string `json:"Message"`
	}
	if json.Unmarshal(body, &inJSON) == nil && inJSON.Type != "" {
		_, code, found := strings.Cut(inJSON.Type, "#")
		if !found {
			code = inJSON.Type
		}
		return &smithy.GenericAPIError{Code: code, Message: inJSON.Message + inJSON.MessageUpper}
	}
	var inXML struct {
		Code    string
		Message string
		Error   struct{ Code, Message string }
	}
	_ = xml.Unmarshal(body, &inXML) // what isn't XML has neither
	if inXML.Error.Code != "" {
		inXML.Code, inXML.Message = inXML.Error.Code, inXML.Error.Message
	}
	return &smithy.GenericAPIError{Code: inXML.Code, Message: inXML.Message}
}
