// Package audiences reads who is in an audience, or what a computed trait's
// value is, from files in a bucket. What a file is depends on its header, not on its
// name or the order of its columns:
//
//   - a full list: Segment's CSV download, unformatted (key, external_ids),
//     formatted (a column per kind of id: email, email_1, ...), with repeated
//     rows, or of a computed trait (key, value, external_ids)
//     (https://segment.com/docs/engage/audiences/#download-your-audience-as-a-csv-file);
//     your own CSV with user_id, anonymous_id or email, and perhaps value;
//     or JSON objects with these names, as lines or as an array.
//   - changes: rows of Segment's AWS S3 (Actions) destinations, known by
//     audience_action
//     (https://segment.com/docs/connections/destinations/catalog/actions-s3/),
//     or raw Segment messages.
//
// A person with several user ids is several members; one without any is
// addressed by each anonymous id, or else by each e-mail address. The SHA-256 of an
// address is of no use: impact.com accepts SHA-1 on page loads, and one cannot be
// computed from the other.
package audiences
