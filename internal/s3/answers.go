package s3

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"

	"github.com/macielake/macielake/internal/awsclient"
)

// checkAnswers adds a check of every answer that reports success, inside the loop that
// repeats requests: the SDK accepts any answer with status 200, and takes an empty one
// for an empty listing.
func checkAnswers(stack *middleware.Stack) error {
	err := stack.Initialize.Add(middleware.InitializeMiddlewareFunc("KeepInput",
		func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			return next.HandleInitialize(middleware.WithStackValue(ctx, inputKey{}, in.Parameters), in)
		}), middleware.After)
	if err != nil {
		return err
	}
	return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("CheckAnswer",
		func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
			out, metadata, err := next.HandleDeserialize(ctx, in)
			if err != nil {
				// The loop would keep the result in memory during the next attempt.
				out.Result = nil
				return out, metadata, err
			}
			if get, ok := out.Result.(*sdk.GetObjectOutput); ok {
				if err := checkGet(middleware.GetStackValue(ctx, inputKey{}).(*sdk.GetObjectInput), get); err != nil {
					get.Body.Close()
					return out, metadata, err
				}
				return out, metadata, nil
			}
			if err = check(middleware.GetStackValue(ctx, inputKey{}), out.Result, &metadata); err != nil {
				out.Result = nil
			}
			return out, metadata, err
		}), middleware.Before)
}

type (
	inputKey struct{}
	pageKey  struct{} // the key of the *Page in a listing's metadata
)

// bad returns an error that says what is wrong with an answer.
func bad(format string, args ...any) error {
	return &awsclient.AnswerError{What: fmt.Sprintf(format, args...)}
}

// check compares an answer with its request and with what S3 always sends (S3 API
// reference, the response of each action).
func check(input, output any, metadata *middleware.Metadata) error {
	switch out := output.(type) {
	case *sdk.ListObjectsV2Output:
		page, err := readPage(input.(*sdk.ListObjectsV2Input), out)
		metadata.Set(pageKey{}, page)
		return err
	case *sdk.HeadObjectOutput:
		if out.ContentLength == nil || *out.ContentLength < 0 {
			return bad("it has no length")
		}
		return checkETag(out.ETag)
	case *sdk.PutObjectOutput:
		return checkETag(out.ETag)
	case *sdk.CreateMultipartUploadOutput:
		if aws.ToString(out.UploadId) == "" {
			return bad("it has no upload ID")
		}
	case *sdk.UploadPartOutput:
		return checkETag(out.ETag)
	case *sdk.CompleteMultipartUploadOutput:
		return checkETag(out.ETag)
	case *sdk.CopyObjectOutput:
		if out.CopyObjectResult == nil {
			return bad("it has no result of the copy")
		}
		return checkETag(out.CopyObjectResult.ETag)
	case *sdk.UploadPartCopyOutput:
		if out.CopyPartResult == nil {
			return bad("it has no result of the copy")
		}
		return checkETag(out.CopyPartResult.ETag)
	case *sdk.DeleteObjectsOutput:
		return checkDeleted(input.(*sdk.DeleteObjectsInput), out)
	case *sdk.GetPublicAccessBlockOutput:
		c := out.PublicAccessBlockConfiguration
		if c == nil || c.BlockPublicAcls == nil && c.IgnorePublicAcls == nil && c.BlockPublicPolicy == nil && c.RestrictPublicBuckets == nil {
			return bad("it has no PublicAccessBlockConfiguration")
		}
	case *sdk.GetObjectLockConfigurationOutput:
		if out.ObjectLockConfiguration == nil || out.ObjectLockConfiguration.ObjectLockEnabled == "" {
			return bad("it has no ObjectLockConfiguration")
		}
	case *sdk.GetBucketPolicyOutput:
		var policy struct{ Statement json.RawMessage }
		if json.Unmarshal([]byte(aws.ToString(out.Policy)), &policy) != nil || policy.Statement == nil {
			return bad("it isn't a policy")
		}
	case *sdk.GetBucketPolicyStatusOutput:
		if out.PolicyStatus == nil || out.PolicyStatus.IsPublic == nil {
			return bad("it has no PolicyStatus")
		}
	case *sdk.GetBucketEncryptionOutput:
		if c := out.ServerSideEncryptionConfiguration; c == nil || len(c.Rules) == 0 {
			return bad("it has no rule of ServerSideEncryptionConfiguration")
		}
	}
	return nil
}

func checkETag(etag *string) error {
	if aws.ToString(etag) == "" {
		return bad("it has no ETag")
	}
	return nil
}

func checkGet(in *sdk.GetObjectInput, out *sdk.GetObjectOutput) error {
	if err := checkETag(out.ETag); err != nil {
		return err
	}
	asked, got := aws.ToString(in.Range), aws.ToString(out.ContentRange)
	if asked == "" {
		if got != "" {
			return bad("it is the range %s of an object that was asked for whole", got)
		}
		return nil
	}
	var from, end, first, last, total int64
	if n, _ := fmt.Sscanf(asked, "bytes=%d-%d", &from, &end); n < 2 {
		end = -1
	}
	n, err := fmt.Sscanf(got, "bytes %d-%d/%d", &first, &last, &total)
	if err != nil || n != 3 || first != from || last < first || last >= total || end >= 0 && last > end {
		return bad("it is the range %q, not %s", got, asked)
	}
	return nil
}

// checkDeleted checks that the answer reports on each key.
func checkDeleted(in *sdk.DeleteObjectsInput, out *sdk.DeleteObjectsOutput) error {
	reported := make(map[string]bool, len(in.Delete.Objects))
	for _, d := range out.Deleted {
		reported[aws.ToString(d.Key)] = true
	}
	for _, e := range out.Errors {
		reported[aws.ToString(e.Key)] = true
	}
	for _, o := range in.Delete.Objects {
		if !reported[aws.ToString(o.Key)] {
			return bad("it doesn't say what became of %s", aws.ToString(o.Key))
		}
	}
	return nil
}
