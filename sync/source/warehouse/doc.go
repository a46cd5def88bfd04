// Package warehouse reads who is in an audience, or what a computed trait's value is,
// from a database in which Segment, or its owner, keeps it. There are several readers:
//
//   - profilesSync: a schema of Profiles Sync, either with the tables user_traits and
//     user_identifiers, which Segment keeps up to date, or with profile_traits and
//     external_id_mapping, which Segment's dbt package makes
//     (https://segment.com/docs/unify/profiles-sync/tables/).
//   - engage: the tables users or identifies of the schemas of an Engage space
//     (https://segment.com/docs/engage/warehouses/).
//   - query: any statement or dbt model that gives ids, and perhaps a value.
//
// Each audience or trait is a list: one object that is made of a table and a name, such
// as ps.user_traits/vip. A person with several user ids is several members, as in
// files. A list that cannot be read to its end changes nothing.
//
// Statements order rows by profile and sequence, and leave it to the program to take
// each profile's newest: so they need nothing but what all engines share.
package warehouse
