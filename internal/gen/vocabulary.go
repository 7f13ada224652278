package gen

// managedType is one of Macie's managed data identifiers, with names of columns and
// fields that contain its matches.
type managedType struct {
	category, name string
	fields         []string
}

// Categories, in the order that a line lists them.
const (
	financial   = "FINANCIAL_INFORMATION"
	personal    = "PERSONAL_INFORMATION"
	credentials = "CREDENTIALS"
)

var managedTypes = []managedType{
	{financial, "CREDIT_CARD_NUMBER", []string{"CCN", "Card Number", "card_number", "pan"}},
	{financial, "CREDIT_CARD_SECURITY_CODE", []string{"CVV", "cvc", "Security Code"}},
	{financial, "CREDIT_CARD_EXPIRATION", []string{"exp", "Valid Thru", "expiry_date"}},
	{financial, "CREDIT_CARD_MAGNETIC_STRIPE", []string{"track2"}},
	{financial, "USA_BANK_ACCOUNT_NUMBER", []string{"account_no", "Account Number"}},
	{financial, "GERMANY_BANK_ACCOUNT_NUMBER", []string{"IBAN", "Kontonummer", "gläubiger_iban"}},
	{financial, "FRANCE_BANK_ACCOUNT_NUMBER", []string{"iban", "Relevé d'identité"}},
	{financial, "UK_BANK_ACCOUNT_NUMBER", []string{"iban", "Sort code & account"}},
	{personal, "NAME", []string{"first_name", "last_name", "Full Name", "name"}},
	{personal, "ADDRESS", []string{"address", "city", "Street", "straße"}},
	{personal, "USA_SOCIAL_SECURITY_NUMBER", []string{"SSN", "ssn", "Social Security No."}},
	{personal, "PHONE_NUMBER", []string{"phone", "Mobile", "tel"}},
	{personal, "DATE_OF_BIRTH", []string{"birthdate", "dob", "Geburtsdatum"}},
	{personal, "USA_PASSPORT_NUMBER", []string{"passport", "Passport #"}},
	{personal, "USA_DRIVERS_LICENSE", []string{"dl_number", "Driver's License"}},
	{personal, "UK_NATIONAL_INSURANCE_NUMBER", []string{"nino", "NI Number"}},
	{personal, "GERMANY_NATIONAL_IDENTIFICATION_NUMBER", []string{"ausweis", "Ausweisnummer"}},
	{personal, "FRANCE_NATIONAL_IDENTIFICATION_NUMBER", []string{"insee", "N° INSEE"}},
	{personal, "SPAIN_NIE_NUMBER", []string{"nie"}},
	{personal, "INDIA_PERMANENT_ACCOUNT_NUMBER", []string{"pan_no", "PAN"}},
	{personal, "VEHICLE_IDENTIFICATION_NUMBER", []string{"vin"}},
	{personal, "LATITUDE_LONGITUDE", []string{"geo", "Lat/Lon"}},
	{personal, "USA_HEALTH_INSURANCE_CLAIM_NUMBER", []string{"hicn", "claim_no"}},
	{personal, "USA_MEDICARE_BENEFICIARY_IDENTIFIER", []string{"mbi"}},
	{credentials, "AWS_CREDENTIALS", []string{"aws_secret_access_key"}},
	{credentials, "HTTP_BASIC_AUTH_HEADER", []string{"Authorization"}},
	{credentials, "JSON_WEB_TOKEN", []string{"token", "id_token"}},
	{credentials, "OPENSSH_PRIVATE_KEY", []string{"private_key"}},
	{credentials, "PGP_PRIVATE_KEY", []string{"pgp"}},
}

// customNames are shared among administrators, so that a name occurs with several
// ARNs.
var customNames = []string{
	"email check", "employee number", "Kundennummer (groß)", "<internal> & \"secret\"",
	"project code", "社員番号", "contract no. ≥ 2019", "it's a 'badge' id", "patient-ref", "crypto 🔑 seed",
}

var (
	bucketWords     = []string{"data-lake", "uploads", "hr-exports", "crm-backup", "billing", "logs-archive", "research", "shared-docs"}
	ownerNames      = []string{"platform", "data-engineering", "security+audit", "équipe-données", ""}
	encryptionTypes = []string{"AES256", "aws:kms", "NONE", "aws:kms:dsse", "UNKNOWN"}
	storageClasses  = []string{"STANDARD", "STANDARD", "STANDARD", "STANDARD_IA", "INTELLIGENT_TIERING", "ONEZONE_IA", "GLACIER_IR", "REDUCED_REDUNDANCY"}
	bucketTags      = []tag{{"team", "data"}, {"cost-centre", "4711"}, {"Stage", "prod"}, {"a=b", "x & y"}, {"leer", ""}, {"größe", "klein"}}
	objectTags      = []tag{{"retention", "7y"}, {"source", "crm"}, {"class", "<confidential>"}, {"checked", ""}}
	folders         = []string{"exports", "exports/2025/q4", "incoming", "team=finance/day=07", "backup/db", "users", "archive/old", "forms/eingang", "lake/raw/events"}
	stems           = []string{"customers", "payroll", "orders", "contacts", "transactions", "claims", "applications", "invoices", "survey", "members", "audit", "dump"}

	// Names that need escapes, or are longer in bytes than they look.
	unicodeStems = []string{"gehälter-übersicht", "顧客リスト", "données clients", "лицевые счета", "summary 📊 final", "naïve—dash"}
	astralStems  = []string{"summary 📊 final", "emoji-👩‍💻 œuvre"} // beyond the BMP: surrogate pairs when escaped
	quotedStems  = []string{`the "final" list`, `it's <here> & there=yes`, `back\slash`, `a'b"c`}
	controlStems = []string{"tab\tname", "bell\a", "two\nlines", "esc\x1b[31mred", "del\x7f", "sep\u2028line", "cr\rhere"}

	skipReasons    = []string{"UNSUPPORTED_FILE_TYPE_EXCEPTION", "INVALID_ENCRYPTION", "INVALID_KMS_KEY", "PERMISSION_DENIED", "SOURCE_OBJECT_NO_LONGER_AVAILABLE", "OBJECT_VERSION_MISMATCH", "INVALID_OBJECT_STATE", "FILE_EXCEEDS_SIZE_LIMIT", "MALFORMED_FILE", "NO_SUCH_BUCKET_AVAILABLE", "UNABLE_TO_PARSE_FILE", "A_REASON_OF_THE_FUTURE"}
	partialReasons = []string{"TIME_CUT_OFF_REACHED", "JSON_NESTING_LEVEL_OVER_LIMIT", "MALFORMED_OR_FILE_SIZE_EXCEEDS_LIMIT", "OOXML_UNCOMPRESSED_SIZE_EXCEEDS_LIMIT", "OOXML_UNCOMPRESSED_RATIO_EXCEEDS_LIMIT"}
	archiveReasons = []string{"ARCHIVE_CONTAINS_UNPROCESSED_FILES", "ARCHIVE_EXCEEDS_SIZE_LIMIT", "ARCHIVE_NESTING_LEVEL_OVER_LIMIT", "ARCHIVE_TOTAL_BYTES_EXTRACTED_OVER_LIMIT", "ARCHIVE_TOTAL_DOCUMENTS_PROCESSED_OVER_LIMIT"}

	sheets = []string{"Sheet1", "Sheet2", "Übersicht", "'Q1 2026'", "data"}
)

// locationKind is the form of a location.
type locationKind int

const (
	kindCell locationKind = iota
	kindLine
	kindOffset
	kindPage
	kindRecord
)

// format is a kind of analysed object.
type format struct {
	ext, mime string
	kind      locationKind
	reference bool // cells have a cellReference (Excel)
	unnamed   bool // cells have no columnName
	indexed   bool // one record, the paths have the index (plain JSON)
}

var (
	formatXLSX    = &format{ext: "xlsx", mime: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", kind: kindCell, reference: true}
	formatXLS     = &format{ext: "xls", mime: "application/vnd.ms-excel", kind: kindCell, reference: true, unnamed: true}
	formatCSV     = &format{ext: "csv", mime: "text/csv", kind: kindCell}
	formatBareCSV = &format{ext: "CSV", mime: "text/csv", kind: kindCell, unnamed: true}
	formatTSV     = &format{ext: "tsv", mime: "text/tab-separated-values", kind: kindCell}
	formatText    = &format{ext: "txt", mime: "text/plain", kind: kindLine}
	formatLog     = &format{ext: "log", mime: "text/plain", kind: kindLine}
	formatMail    = &format{ext: "eml", mime: "message/rfc822", kind: kindLine}
	formatHTML    = &format{ext: "html", mime: "text/html", kind: kindLine}
	formatXML     = &format{ext: "xml", mime: "application/xml", kind: kindLine}
	formatPDF     = &format{ext: "pdf", mime: "application/pdf", kind: kindPage}
	formatWord    = &format{ext: "docx", mime: "application/vnd.openxmlformats-officedocument.wordprocessingml.document", kind: kindOffset}
	formatJSON    = &format{ext: "json", mime: "application/json", kind: kindRecord, indexed: true}
	formatJSONL   = &format{ext: "jsonl", mime: "application/json", kind: kindRecord}
	formatAvro    = &format{ext: "avro", mime: "application/avro", kind: kindRecord}
	formatParquet = &format{ext: "parquet", mime: "application/x-parquet", kind: kindRecord}
	formatBinary  = &format{ext: "", mime: "application/octet-stream", kind: kindOffset}
	formatZip     = &format{ext: "zip", mime: "application/zip", kind: kindLine}
	formatTar     = &format{ext: "tar.gz", mime: "application/x-tar", kind: kindLine}
)

// formats has the analysable ones, each as often as it is common.
var formats = []*format{
	formatCSV, formatCSV, formatCSV, formatCSV, formatBareCSV, formatTSV, formatXLSX, formatXLSX, formatXLS,
	formatJSON, formatJSON, formatJSONL, formatJSONL, formatAvro, formatParquet, formatParquet, formatParquet,
	formatText, formatText, formatLog, formatLog, formatMail, formatHTML, formatXML, formatPDF, formatPDF, formatPDF, formatWord,
}

func (f *format) isArchive() bool { return f == formatZip || f == formatTar }

var archives = []*format{formatZip, formatZip, formatTar}
