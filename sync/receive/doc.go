// Package receive takes the messages of Segment's webhooks: it checks who sent them and
// puts them into a spool, durably, before it answers.
//
// Segment signs a body with a shared secret
// (https://segment.com/docs/connections/destinations/catalog/actions-webhook/). What is
// answered with 5xx it sends again, for four hours; what is answered with 4xx it drops
// (https://segment.com/docs/connections/destinations/catalog/webhooks/#retries).
package receive
