package policy

import (
	"slices"
	"strings"
)

// Access makes the smallest policies for those who use a dataset.
type Access struct {
	Input  *Place // where results are read; nil where that isn't S3
	Output *Place // where the dataset is; nil where that isn't S3
	// AskMacie is for inputs of which Macie says where they are.
	AskMacie bool
	// Account is that of those who get the policies: 12 digits. Without it
	// there are no statements for keys.
	Account string
	// Tables are the directories in Output that hold tables.
	Tables []string
	// CreateOnly are the directories in Output, with a slash at their ends, and
	// the files of which nothing is ever replaced.
	CreateOnly []string
}

// Grant is what one kind of user needs.
type Grant struct {
	// IAM is a policy for the user's role. It is nil where there is nothing to
	// allow.
	IAM *Document `json:"iam"`
	// KMS are, by key, what its key policy must say as well, where it doesn't
	// leave that to IAM.
	KMS []KeyGrant `json:"kms"`
}

// KeyGrant is what is to be added to the policy of a key.
type KeyGrant struct {
	Key    string    `json:"key"` // ARN
	Policy *Document `json:"policy"`
}

// Writer is for convert: it reads results and adds to the dataset, and removes
// nothing.
func (a *Access) Writer() Grant {
	var g granter
	if a.AskMacie {
		g.add(askMacie())
	}
	if in := a.Input; in != nil {
		g.list("ListResults", in, in.prefixes(""))
		g.objects("ReadResults", []string{in.ObjectsARN("")}, "s3:GetObject")
		g.keys("DecryptResults", in, nil, "kms:Decrypt")
	}
	if out := a.Output; out != nil {
		g.list("ListDataset", out, out.prefixes(""))
		g.objects("WriteDataset", []string{out.ObjectsARN("")}, "s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject")
		g.createOnly(out, a.CreateOnly)
		// Uploads in parts and copies decrypt, too.
		g.keys("EncryptDataset", out, nil, "kms:Decrypt", "kms:GenerateDataKey")
	}
	return g.grant(a.Account)
}

// createOnly denies writing without the condition If-None-Match. Requests that
// begin an upload in parts or send a part have none; its end has (S3 user guide,
// "Enforce conditional writes on Amazon S3 buckets", which shows it for bucket
// policies).
func (g *granter) createOnly(p *Place, names []string) {
	var arns List
	for _, name := range names {
		if dir, ok := strings.CutSuffix(name, "/"); ok {
			arns = append(arns, p.ObjectsARN(dir))
		} else {
			arns = append(arns, strings.TrimSuffix(p.ObjectsARN(""), "*")+literal(name))
		}
	}
	if len(arns) == 0 {
		return
	}
	g.add(Statement{
		Sid: "ReplaceNothing", Effect: Deny, Action: List{"s3:PutObject"}, Resource: arns,
		Condition: Condition{"Null": {"s3:if-none-match": {"true"}}, "Bool": {"s3:ObjectCreationOperation": {"true"}}},
	})
}

// Reader is for whoever queries the tables: the dataset's state, which holds
// rejected raw lines, is not for them.
func (a *Access) Reader() Grant {
	var g granter
	if out := a.Output; out != nil {
		var prefixes, arns []string
		for _, t := range a.Tables {
			prefixes = append(prefixes, out.prefixes(t)...)
			arns = append(arns, out.ObjectsARN(t))
		}
		g.add(Statement{
			Sid: "LocateBucket", Effect: Allow, // Athena asks
			Action: List{"s3:GetBucketLocation"}, Resource: List{out.BucketARN()},
		})
		g.list("ListTables", out, prefixes)
		g.objects("ReadTables", arns, "s3:GetObject")
		g.keys("DecryptTables", out, a.Tables, "kms:Decrypt")
	}
	return g.grant(a.Account)
}

// Maintenance is for whoever removes what isn't needed any more, and the only one
// who may.
func (a *Access) Maintenance() Grant {
	var g granter
	if out := a.Output; out != nil {
		g.list("ListDataset", out, out.prefixes(""))
		g.objects("MaintainDataset", []string{out.ObjectsARN("")},
			"s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:PutObject")
		g.keys("EncryptDataset", out, nil, "kms:Decrypt", "kms:GenerateDataKey")
	}
	return g.grant(a.Account)
}

// prefixes are those that a directory of the place is listed by; none if it is
// all of the bucket.
func (p *Place) prefixes(dir string) []string {
	below := p.below(dir) // of an object, too: there may be some below its name
	if below == "" {
		return nil
	}
	return []string{literal(strings.TrimSuffix(below, "/")), literal(below) + "*"}
}

// granter collects the statements of a grant.
type granter struct {
	statements []Statement
	byKey      []KeyGrant
}

func (g *granter) add(s Statement) { g.statements = append(g.statements, s) }

func (g *granter) list(sid string, p *Place, prefixes []string) {
	s := Statement{Sid: sid, Effect: Allow, Action: List{"s3:ListBucket"}, Resource: List{p.BucketARN()}}
	if len(prefixes) > 0 {
		s.Condition = Condition{"StringLike": {"s3:prefix": prefixes}}
	}
	g.add(s)
}

func (g *granter) objects(sid string, arns []string, actions ...string) {
	g.add(Statement{Sid: sid, Effect: Allow, Action: actions, Resource: arns})
}

// keys allows the use of a place's keys, through S3 and for its objects alone.
func (g *granter) keys(sid string, p *Place, dirs []string, actions ...string) {
	if len(p.Keys) == 0 {
		return
	}
	condition := Condition{"StringEquals": {"kms:ViaService": {"s3." + p.Region + "." + Domain(p.Region)}}}
	if !p.accessPoint() {
		// With a Bucket Key the context is the bucket, else the object (S3 user
		// guide, "Using server-side encryption with AWS KMS keys").
		context := List{p.BucketARN()}
		for _, dir := range dirs {
			context = append(context, p.ObjectsARN(dir))
		}
		if len(dirs) == 0 {
			context = append(context, p.ObjectsARN(""))
		}
		condition["StringLike"] = map[string]List{"kms:EncryptionContext:aws:s3:arn": context}
	}
	g.add(Statement{Sid: sid, Effect: Allow, Action: actions, Resource: p.Keys, Condition: condition})
	for _, key := range p.Keys {
		i := slices.IndexFunc(g.byKey, func(k KeyGrant) bool { return k.Key == key })
		if i < 0 {
			i = len(g.byKey)
			g.byKey = append(g.byKey, KeyGrant{Key: key, Policy: &Document{Version: Version}})
		}
		d := g.byKey[i].Policy
		d.Statement = append(d.Statement, Statement{
			Sid: sid, Effect: Allow, Action: actions, Resource: List{"*"}, // that is: this key
			Condition: condition,
		})
	}
}

// grant is what was collected, for users of an account.
func (g *granter) grant(account string) Grant {
	out := Grant{KMS: []KeyGrant{}}
	if len(g.statements) > 0 {
		out.IAM = &Document{Version: Version, Statement: g.statements}
	}
	if account == "" {
		return out
	}
	for _, k := range g.byKey {
		partition := "aws"
		if parts := strings.SplitN(k.Key, ":", 3); len(parts) == 3 {
			partition = parts[1]
		}
		for i := range k.Policy.Statement {
			k.Policy.Statement[i].Principal = &Principal{ByKind: map[string]List{
				"AWS": {"arn:" + partition + ":iam::" + account + ":root"},
			}}
		}
		out.KMS = append(out.KMS, k)
	}
	return out
}
