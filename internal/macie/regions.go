package macie

// Regions are the regions of a partition in which Macie is, sorted: those that
// the SDK has an endpoint of it for (a test compares them). Asking AWS instead
// would take a permission that nothing else needs, and would bring regions in
// which there is no Macie.
func Regions(partition string) []string {
	if partition != "aws" { // it is in no other
		return nil
	}
	return []string{
		"af-south-1", "ap-east-1", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3",
		"ap-south-1", "ap-southeast-1", "ap-southeast-2", "ca-central-1", "eu-central-1",
		"eu-north-1", "eu-south-1", "eu-west-1", "eu-west-2", "eu-west-3", "il-central-1",
		"me-south-1", "sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2",
	}
}
