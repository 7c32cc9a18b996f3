//! Health, readiness, metrics and debug views over HTTP.
