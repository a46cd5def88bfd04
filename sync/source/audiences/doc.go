// Package audiences reads who is in an audience, or what a computed trait's
// value is, from files in a bucket. The header says what a file is, not its name
// and not the order of its columns:
//
//   - a full list: Segment's CSV download, unformatted (key, external_ids),
//     formatted (a column per kind of id: email, email_1, ...), with repeated
//     rows, or of a computed trait (key, value, external_ids)
//     (https://segment.com/docs/engage/audiences/#download-your-audience-as-a-csv-file);
//     a CSV of one's own with user_id, anonymous_id or email, and perhaps value;
//     or JSON objects with these names, as lines or as an array.
//   - changes: rows of Segment's AWS S3 (Actions) destinations, known by
//     audience_action
//     (https://segment.com/docs/connections/destinations/catalog/actions-s3/),
//     or raw Segment messages.
//
// A person with several user ids is several members; one without any is
// addressed by each anonymous id, else by each e-mail address. An e-mail's
// SHA-256 addresses nobody: impact.com takes SHA-1 on page loads, and neither
// can be made of the other.
package audiences
