//! The compiled table: which route answers for a host and a path.
