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

// Request is a request that Call sends.
type Request struct {
	Operation string // for errors: "DescribeKey"
	Resource  string // for errors: the key ARN or URI concerned
	Service   string // name in the signature: "kms"
	ID        string // of the service in configuration: "KMS" for AWS_ENDPOINT_URL_KMS
	Region    string
	Host      string // of AWS's own endpoint
	Method    string
	Path      string
	Header    map[string]string
	Body      []byte
}

// Call sends a signed request and returns the body of the answer. It serves KMS, S3
// Control, Glue and Athena: their SDK clients would make the program larger and
// slower to build than all its other AWS code together. A request may be sent more
// than once. An error is an *Error, or ctx's.
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
	endpoint, err := r.endpoint(ctx, cfg)
	if err != nil {
		return nil, err
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

// endpoint returns the endpoint that is configured for the service, or else for all
// services, or else AWS's own, whose name differs for FIPS (AWS SDKs and Tools
// reference, "Service-specific endpoints" and "Dual-stack and FIPS endpoints").
func (r *Request) endpoint(ctx context.Context, cfg aws.Config) (string, error) {
	host := r.Host
	for _, source := range cfg.ConfigSources {
		if s, ok := source.(interface {
			GetServiceBaseEndpoint(context.Context, string) (string, bool, error)
		}); ok {
			if endpoint, found, err := s.GetServiceBaseEndpoint(ctx, r.ID); found || err != nil {
				return strings.TrimSuffix(endpoint, "/"), err
			}
		}
	}
	if cfg.BaseEndpoint != nil {
		return strings.TrimSuffix(*cfg.BaseEndpoint, "/"), nil
	}
	for _, source := range cfg.ConfigSources {
		if s, ok := source.(interface {
			GetUseFIPSEndpoint(context.Context) (aws.FIPSEndpointState, bool, error)
		}); ok {
			state, found, err := s.GetUseFIPSEndpoint(ctx)
			if err != nil {
				return "", err
			}
			if found {
				if state == aws.FIPSEndpointStateEnabled {
					host = strings.Replace(host, "."+r.Region+".", "-fips."+r.Region+".", 1)
				}
				break
			}
		}
	}
	return "https://" + host, nil
}

// JSONRequest is a request to a service that speaks AWS JSON 1.1.
type JSONRequest struct {
	Operation string // "GetTable"
	Resource  string // for errors: the table or key concerned
	Service   string // name in the signature and the host: "glue"
	ID        string // of the service in configuration: "Glue"
	Target    string // prefix of the operation in X-Amz-Target: "AWSGlue"
	Region    string
	Domain    string // of the Region's partition: "amazonaws.com"
}

// CallJSON sends in and decodes the answer into out, which may be nil; see [Call].
func CallJSON(ctx context.Context, cfg aws.Config, r JSONRequest, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	answer, err := Call(ctx, cfg, Request{
		Operation: r.Operation, Resource: r.Resource, Service: r.Service, ID: r.ID, Region: r.Region,
		Host: r.Service + "." + r.Region + "." + r.Domain, Method: http.MethodPost, Path: "/",
		Header: map[string]string{"X-Amz-Target": r.Target + "." + r.Operation, "Content-Type": jsonContent},
		Body:   body,
	})
	if err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return Failed(r.Operation, r.Resource, &AnswerError{What: err.Error()})
	}
	return nil
}

// answerError decodes an error in either form that services use, JSON or XML.
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
	_ = xml.Unmarshal(body, &inXML) // without XML both stay empty
	if inXML.Error.Code != "" {
		inXML.Code, inXML.Message = inXML.Error.Code, inXML.Error.Message
	}
	return &smithy.GenericAPIError{Code: inXML.Code, Message: inXML.Message}
}
