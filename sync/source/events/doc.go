// Package events reads raw Segment messages from a bucket: what Segment's
// AWS S3 and Google Cloud Storage destinations write
// (https://segment.com/docs/connections/storage/catalog/aws-s3/) and what
// webhooks were spooled to. An object is lines of JSON or a JSON array, gzip or
// not, and never needs to fit into memory.
package events
