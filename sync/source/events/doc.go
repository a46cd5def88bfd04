// Package events reads raw Segment messages from a bucket: what Segment's
// AWS S3 and Google Cloud Storage destinations write
// (https://segment.com/docs/connections/storage/catalog/aws-s3/), and spooled
// webhooks. An object is lines of JSON or a JSON array, packed or not, and need not
// fit into memory.
package events
